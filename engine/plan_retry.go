package engine

import (
	"hash/fnv"
	"math"
	"slices"
	"time"
)

// How often and when a step is tried again unless the file says otherwise.
const (
	defaultAttempts = 4
	defaultDelay    = 500 * time.Millisecond
	defaultFactor   = 2
	defaultMaxDelay = 30 * time.Second

	// longestRetryAfter is how long a hub or server may ask to be left alone; for longer nobody waits.
	longestRetryAfter = 10 * time.Minute
)

// retry arranges another attempt after a failure, if there is to be one.
func (s *stepRun) retry(failure *Error) (bool, *Error) {
	backoff := s.path.attempt(s.attempt) + "!retry"
	due, again, err := s.again(failure)
	if failure.kept {
		due, again, err = s.r.now, s.r.wasRetried(backoff), nil
	}
	if !again || err != nil {
		return false, err
	}
	s.backoff = backoff
	s.r.note(s.about(Note{Kind: NoteStepRetry, Tried: s.tried, Attempt: s.attempt, Error: failure, Due: due}))
	s.r.timer(s.backoff, due, s.try)
	return true, nil
}

// again says whether there is to be another attempt, and when.
func (s *stepRun) again(failure *Error) (due time.Time, again bool, err *Error) {
	if !s.retries(failure) {
		return due, false, nil
	}
	rule := s.step.Retry
	if rule == nil {
		rule = &Retry{}
	}
	attempts, err := s.scope.count(rule.Attempts, "retry.attempts", defaultAttempts)
	if err != nil || float64(s.attempt) >= attempts {
		return due, false, err
	}
	delay, err := s.delay(rule, failure)
	if err != nil || delay > longestRetryAfter && failure.RetryAfter > longestRetryAfter.Seconds() {
		return due, false, err
	}
	due = s.r.now.Add(delay)
	within, bounded, err := s.scope.duration(rule.Within, "retry.within")
	return due, err == nil && !(bounded && due.After(s.began.Add(within))), err
}

// retries says whether a failure of this kind may be tried again. An effect that may have happened
// is repeated only where the file names the kind; so is a block in which something was done once.
func (s *stepRun) retries(failure *Error) bool {
	action, rule := s.step.Do, s.step.Retry
	delivery := Once // of a block: it may hold anything
	if action != nil {
		delivery = s.delivery
		if !action.Type.runs && action.Type.asks == nil {
			return false // a pure step gives the same again
		}
	}
	if rule != nil && rule.OnGiven {
		return slices.Contains(rule.On, failure.Kind)
	}
	if failure.MaybeDone && delivery == Once || action == nil && s.guard.effect {
		return false
	}
	switch failure.Kind {
	case KindThrottled, KindUnavailable:
		return rule != nil || action != nil
	case KindOffline:
		return rule != nil || action != nil && delivery == Once
	case KindTimeout:
		return rule != nil && delivery != Once
	}
	return false
}

// delay is the time before the next attempt: exponential, with jitter that repeats, and never
// shorter than the hub asked for.
func (s *stepRun) delay(rule *Retry, failure *Error) (time.Duration, *Error) {
	base, given, err := s.scope.duration(rule.Delay, "retry.delay")
	if err != nil {
		return 0, err
	}
	if !given {
		base = defaultDelay
	}
	longest, given, err := s.scope.duration(rule.MaxDelay, "retry.maxDelay")
	if err != nil {
		return 0, err
	}
	if !given {
		longest = defaultMaxDelay
	}
	factor, err := s.scope.number(rule.Factor, "retry.factor", 1, defaultFactor)
	if err != nil {
		return 0, err
	}
	delay := min(float64(base)*math.Pow(factor, float64(s.attempt-1)), float64(max(longest, 0)))
	if rule.Jitter != "none" {
		delay *= s.chance()
	}
	asked := min(failure.RetryAfter, 2*longestRetryAfter.Seconds())
	return max(time.Duration(delay), time.Duration(asked*float64(time.Second))), nil
}

// chance is a number from 0 to 1 that follows from run, step and attempt, so that a resumed run
// waits as long as it would have.
func (s *stepRun) chance() float64 {
	h := fnv.New64a()
	h.Write([]byte(s.r.info.ID))
	h.Write([]byte(s.path.attempt(s.attempt)))
	x := h.Sum64()
	x ^= x >> 33 // FNV's high bits change little for short texts
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}
