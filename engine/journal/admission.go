package journal

import (
	"fmt"
	"strings"
	"time"
)

// A Mark says that something has been done, so that it is not done again: a request that is sent twice, a
// schedule's time, a twin that has met a trigger's condition. It is set in the commit that begins the run.
type Mark struct {
	Scope string // such as "api", "schedule nightly/1", "webhook redeploy", "twin faulty"
	Name  string // what was done, once in its scope

	Until time.Time // it is forgotten then; zero: never
	Run   string    // the run that was begun with it; empty: none was
	Note  string    // why none was
	Time  time.Time // when it was set
}

// A Fire is a schedule's turn.
type Fire struct {
	Schedule string    // its id
	Nominal  time.Time // when it was due by the schedule, before jitter
}

// A TakenError says that a mark was set before.
type TakenError struct{ Mark Mark }

func (e *TakenError) Error() string {
	if e.Mark.Run == "" {
		return fmt.Sprintf("%s in %s has been dealt with already: %s", e.Mark.Name, e.Mark.Scope, e.Mark.Note)
	}
	return fmt.Sprintf("%s in %s has been begun already, as run %s", e.Mark.Name, e.Mark.Scope, e.Mark.Run)
}

// A FullError says that all places of a slot are taken.
type FullError struct {
	Key     string
	Holders []string // runs; at most ten of them
}

func (e *FullError) Error() string {
	return fmt.Sprintf("all places of %q are taken, by %s", e.Key, strings.Join(e.Holders, ", "))
}
