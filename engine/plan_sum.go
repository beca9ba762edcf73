package engine

// sum puts the results of branches or items together: an end first, then a cut from outside, then
// the first failure in the order of the file. What others leave behind stands beside it.
type sum struct {
	cut    *cause
	end    *result
	failed *Error
	cutErr *Error
	beside []*Error
	more   int // errors that are left out of beside
	effect bool
	maybe  bool // some part may have had an effect of which nothing is known
}

// mostBeside bounds how many errors stand beside the one that is shown first.
const mostBeside = 10

func newSum(cut *cause) *sum { return &sum{cut: cut} }

// add takes the next result; who names it in the message of the failure.
func (s *sum) add(res result, who func() string) {
	s.effect = s.effect || res.effect
	s.maybe = s.maybe || res.err != nil && res.err.MaybeDone && !res.tolerated
	switch {
	case res.end != nil && s.end == nil:
		s.end = &res
	case res.status == Failed && !res.tolerated && s.failed == nil:
		s.failed = res.err.of(who())
	case res.status == Cancelled && s.cut != nil && s.cutErr == nil:
		s.cutErr = res.err
	case res.status == Cancelled:
		s.leftBehind(res.err)
	case res.status == Failed && !res.tolerated && res.err.MaybeDone:
		s.leftBehind(res.err.of(who()))
	}
}

// leftBehind keeps what a part that does not decide says beside that it ended: an effect of its own that
// may have happened, and what its finally failed with.
func (s *sum) leftBehind(err *Error) {
	if err.Unsure() {
		s.keep(err.alone(RoleBeside))
	}
	s.keep(err.Also...)
	s.more += err.More
}

// keep has errors shown beside the first one.
func (s *sum) keep(errs ...*Error) {
	room := min(len(errs), mostBeside-len(s.beside))
	s.beside = append(s.beside, errs[:room]...)
	s.more += len(errs) - room
}

func (s *sum) result(outputs map[string]any) result {
	res := s.first()
	if res.err != nil {
		joined := res.err.with(RoleBeside, s.beside...)
		joined.More += s.more
		joined.mayBeDoneBeside(s.maybe)
		res.err = joined
		if res.end != nil {
			res.fail(joined)
		}
	}
	res.outputs, res.effect = outputs, s.effect
	return res
}

// first is the result that decides.
func (s *sum) first() result {
	switch {
	case s.end != nil:
		return s.ended()
	case s.cut != nil:
		res := s.cut.result()
		if s.cutErr != nil {
			res.err = s.cutErr
		}
		if s.failed != nil {
			res.err = res.err.with(RoleBeside, s.failed)
		}
		return res
	case s.failed != nil:
		return result{status: Failed, err: s.failed}
	}
	return succeeded
}

// ended is an end by fail or stop. A stop does not hide that something had failed, or that a finally
// did while the others were ended.
func (s *sum) ended() result {
	res := *s.end
	switch {
	case res.end.Failed:
		res.err = res.end.failure
	case s.failed != nil:
		res.fail(s.failed)
	default:
		for i, e := range s.beside {
			if e.Kind != KindCancelled {
				s.beside = append(s.beside[:i:i], s.beside[i+1:]...)
				decides := *e
				decides.Role = ""
				res.fail(&decides)
				break
			}
		}
	}
	return res
}
