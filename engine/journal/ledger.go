package journal

import (
	"fmt"
	"time"
)

// A ScheduleState is what is known of a schedule beside the file that has it.
type ScheduleState struct {
	ID    string
	Spec  string    // its cron text and zone; a schedule with another one begins anew
	Since time.Time // when it was first seen with that: earlier times were never due
	Done  time.Time // all of its times up to this one are dealt with

	Paused  bool
	By      string    // who paused or resumed it last
	Changed time.Time // when

	Backfills []Backfill // asked for, and not begun entirely
}

// A Backfill is the wish to make up for a schedule's times in From..To, both included.
type Backfill struct {
	ID       int64 // given by the journal
	From, To time.Time
	By       string
	Asked    time.Time
}

// An AuditEntry says who did what.
type AuditEntry struct {
	Seq    int64 // given by the journal
	Time   time.Time
	Who    string
	Roles  []string
	From   string // the address that the request came from
	Action string // such as "runs.start", "schedules.pause"
	Target string // the run, schedule or device
	Detail string
	Result string // "done", or why not
}

// An AuditFilter chooses entries, the latest first.
type AuditFilter struct {
	Before int64 // the number of the last entry of the page before; 0: from the latest
	Limit  int   // 0: all
	Who    string
	Target string
	Since  time.Time
}

// Counts are how many runs have not ended, child runs with them.
type Counts struct {
	Unfinished int
	Queued     int // of them: wait for a slot
	Parked     int // only wait, also for a slot
	Approval   int // wait for somebody's approval
	Orphans    int // have no living process that drives them
}

// A Commit is what the writer of a journal has kept at once.
type Commit struct {
	Took  time.Duration // from the begin of the transaction until it was on disk
	Tasks int           // how many had waited for it; 0: it was a heartbeat, or sights
	Err   error         // why nothing of it was kept; nil: it was
}

// noSchedule is an ErrNotFound about a schedule.
type noSchedule string

func (id noSchedule) Error() string { return fmt.Sprintf("there is no schedule %s", string(id)) }

func (noSchedule) Is(target error) bool { return target == ErrNotFound }

// checkBackfill says what is wrong with a wish.
func checkBackfill(b Backfill) error {
	if b.To.Before(b.From) {
		return fmt.Errorf("a backfill goes forward, not from %s to %s", b.From.Format(time.RFC3339), b.To.Format(time.RFC3339))
	}
	return nil
}
