package engine

// sum puts the results of branches or items together: an end first, then a cut from outside, then
// the first failure.
type sum struct {
	cut    *cause
	end    *result
	failed *Error
	cutErr *Error
}

func newSum(cut *cause) *sum { return &sum{cut: cut} }

// add takes the next result; who names it in the message of the failure.
func (s *sum) add(res result, who func() string) {
	switch {
	case res.end != nil && s.end == nil:
		s.end = &res
	case res.status == Failed && !res.tolerated && s.failed == nil:
		e := *res.err
		e.Message = who() + ": " + e.Message
		s.failed = &e
	case res.status == Cancelled && s.cutErr == nil:
		s.cutErr = res.err
	}
}

func (s *sum) result(outputs map[string]any) result {
	switch {
	case s.end != nil:
		return *s.end
	case s.cut != nil:
		res := s.cut.result()
		if s.cutErr != nil {
			res.err = s.cutErr
		}
		res.outputs = outputs
		return res
	case s.failed != nil:
		return result{status: Failed, err: s.failed, outputs: outputs}
	}
	return result{status: Succeeded, outputs: outputs}
}
