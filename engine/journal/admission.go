package journal

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
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

// complete holds a mark against what one must have.
func (m Mark) complete() error {
	if m.Scope == "" || m.Name == "" {
		return errors.New("a mark has a scope and a name")
	}
	_, err := nanos(m.Time)
	return err
}

// taken is the answer to whoever wants to set a mark that is there; nil: its time is over, so that it counts as absent.
func (m Mark) taken(now time.Time) error {
	if !m.Until.IsZero() && !m.Until.After(now) {
		return nil
	}
	return &TakenError{m}
}

// A Holding is a slot that a queued run waits for.
type Holding struct {
	Key   string
	Limit int      // how many places there are, as this run sees it
	Runs  []string // who holds them, the longest first; at most ten
	Ahead int      // how many runs waited before it; they are counted up to 1,000
}

// manyHolders is how many runs are named that hold a place, manyAhead up to how many are counted that wait.
const (
	manyHolders = 10
	manyAhead   = 1000
)

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
	Holders []string // runs, the longest first; at most ten of them
}

func (e *FullError) Error() string {
	return fmt.Sprintf("all places of %q are taken, by %s", e.Key, strings.Join(e.Holders, ", "))
}

// replacedBy is the reason of a cancel that makes room for a run.
const replacedBy = "replaced by run "

// places are the slots that a run takes, in order. One that it names twice is one, with the lower limit: else it
// would wait for itself.
func (b Beginning) places() []engine.Slot {
	var places []engine.Slot
	at := map[string]int{}
	for _, s := range b.Slots {
		s.Limit = max(s.Limit, 1)
		if i, twice := at[s.Key]; twice {
			places[i].Limit = min(places[i].Limit, s.Limit)
			continue
		}
		at[s.Key] = len(places)
		places = append(places, s)
	}
	return places
}

// marks are those of a run, complete.
func (b Beginning) marks(run Run) ([]Mark, error) {
	var marks []Mark
	for _, m := range b.Marks {
		m.Run = run.ID
		if m.Time.IsZero() {
			m.Time = run.Started
		}
		if err := m.complete(); err != nil {
			return nil, refuse(run.ID, err)
		}
		marks = append(marks, m)
	}
	return marks, nil
}

// queued is the beginning of a run that waits: its first event, which says so, and those of the run that it tries again.
func (b Beginning) queued() Beginning {
	n := 1
	for n < len(b.Events) && b.Events[n].Kept {
		n++
	}
	start := *b.Events[0].Start
	start.Queued = true
	events := append([]engine.Event{}, b.Events[:n]...)
	events[0].Start = &start
	b.Events, b.Standing = events, Standing{Queued: true, Parked: true}
	return b
}
