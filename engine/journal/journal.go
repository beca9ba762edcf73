// Package journal keeps what happened.
//
// A run is a list of events, appended and never changed. All else we know about a run (its status,
// what it waits for, its timeline) is computed from that list, so there is nothing to keep in step;
// the few facts in Run are kept beside it only so that runs can be listed.
//
// One writer a run, many readers. Append is durable when it returns, and many runs append at the
// same time: an implementation may commit for all who wait at once. What a run means is not known
// here: see package engine.
//
// Beside runs it keeps what decides whether and when they begin, since that must be in one commit with
// them: slots, which bound how many are under way at the same time, with the line of those who wait;
// marks of what has been begun, so that it is not begun again; and how far schedules are. A server's
// audit trail is kept here, too. Nothing fires here, and no key of a slot is looked into.
package journal

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A Journal keeps the events of runs. Its methods may be called from many places at once. Times come
// back in UTC with their nanoseconds, values as the JSON they are; lists are never nil.
type Journal interface {
	// Begin keeps a new run, which this process drives from now on, in one commit. ErrExists: the id is taken. A
	// *RetriedError: the run that it tries again has been tried again already; two retries would both do what
	// failed, and neither know of the other.
	// ErrNotFound: it is to be a part of a run that is not there. *TakenError: one of its marks is taken. *FullError: one
	// of its slots is, and the run does not want to wait.
	//
	// queued: a slot is taken, and the run waits for its turn. Then only RunStarted, with Start.Queued, and the events behind it that
	// are Kept are in the journal and numbered in b.Events, whose first one has a Start of its own by then; its Standing is Queued and
	// Parked. It holds the slots before that one. When it has got all of them, a Request of kind RunAdmitted comes to who drives it,
	// which an event with its number answers. The slots are free again in the commit that holds RunEnded. If one that does not
	// want to wait is taken when its turn comes, a Request of kind CancelRequested comes instead.
	Begin(ctx context.Context, b Beginning) (queued bool, err error)

	// Append numbers events in place, from the run's last number on, and keeps all of them or, with
	// an error, none; it returns when they are on disk, and with them, or without any, all that AppendLater
	// has taken for the run before. RunEnded is the last event of a run: ErrEnded,
	// if it is there already. ErrLost: this process does not drive the run (any more).
	// The caller does not change the events afterwards.
	Append(ctx context.Context, run string, events []engine.Event, s Standing) error

	// AppendLater is Append for what need not be waited for: it is kept with the next commit, at the
	// latest after a moment. Readers may not see it before, and the events may not be numbered in place. If it
	// cannot be kept, no later Append of the run can be, until the run is claimed anew.
	AppendLater(run string, events []engine.Event, s Standing) error

	// See notes what a waiting step sees, in place of what it saw before, until its StepDone. It is for people: it
	// is kept after a moment, or lost with the process.
	See(run string, s Sight)

	// Ask keeps a wish about an unfinished run until whoever drives the run appends an event with its
	// number. ErrNotFound, ErrEnded; *AnsweredError: it answers an approve, and another answer to that waits already.
	Ask(ctx context.Context, r Request) error

	// Wishes are the unanswered ones about a run, or with the empty text about all runs, the oldest first.
	Wishes(ctx context.Context, run string) ([]Request, error)

	// Listen has f called with the wishes about runs that this process drives, also with those that were kept
	// before it drove them, and again after a restart, until they are answered. f must not wait.
	Listen(f func(Request)) (stop func())

	// Claim makes this process the one that drives an unfinished run. ErrDriven: another one that lives does.
	Claim(ctx context.Context, run string) error

	// Adopt claims all unfinished runs that no living process drives, and gives them with those that this
	// process drives already: first those under way, then those parked.
	Adopt(ctx context.Context) iter.Seq2[Run, error]

	// Events are those of a run with numbers above after, in order. The caller does not change them.
	Events(ctx context.Context, run string, after int64) ([]engine.Event, error)

	// Sources are the files a run was begun with, in the same order.
	Sources(ctx context.Context, run string) ([]Source, error)

	// Sights are what the waiting steps of a run saw last, in the order of their addresses.
	Sights(ctx context.Context, run string) ([]Sight, error)

	// Run is what is known of a run without reading its events.
	Run(ctx context.Context, id string) (Run, error)

	// Runs are the runs that a filter lets through, the latest first. ErrNotFound: there is no run f.After any more.
	Runs(ctx context.Context, f Filter) ([]Run, error)

	// Find gives the ids that are short, or begin or end with it, the latest first; at most ten.
	Find(ctx context.Context, short string) ([]string, error)

	// Children counts the child runs of a run by how they ended; under the empty status, those that have not.
	Children(ctx context.Context, run string) (map[engine.Status]int, error)

	// Remove forgets runs that have ended, with their child runs. ErrUnfinished: one has not; then none is removed.
	Remove(ctx context.Context, runs ...string) error
}

// A Beginning is what a run begins with.
type Beginning struct {
	// Events begin with RunStarted, whose Start says what the run is; what follows from it at once may stand
	// beside it. Begin numbers them from 1.
	Events   []engine.Event
	Sources  []Source // the workflow and the files it calls
	Standing Standing

	Marks []Mark        // set in the same commit, so that what stands for the same is not begun twice
	Fire  *Fire         // of a run that a schedule begins
	Slots []engine.Slot // in the order in which it takes them
}

// A Standing is what a run is about after its latest events. It is kept beside it, so that the runs whose
// time has come are found without reading all.
type Standing struct {
	Parked bool      // nothing is under way in the process that drives it: it only waits
	Wake   time.Time // of a parked run: when the first of its times is up; zero: never
	Alert  bool      // of a parked run: it waits for something outside as well
	Paused bool      // somebody has asked for no further step to begin

	Queued   bool // it has not begun: it waits for a slot
	Approval bool // an approve of it waits for somebody's answer
}

// A Sight is what a waiting step sees.
type Sight struct {
	At    engine.Address
	Text  string    // such as "twin.reported.rebootTime is still 10:31:02"
	Since time.Time // when it first saw that
}

// A Request is a wish about a run that another process may drive.
type Request struct {
	ID     int64 // given by the journal
	Run    string
	Kind   engine.EventKind // CancelRequested, PauseRequested, ResumeRequested, SignalReceived; the journal's own is RunAdmitted
	At     engine.Address   // of the answer to an approve: which one
	Signal *engine.Signal   // of SignalReceived
	Reason string
	By     string // who asked
	Time   time.Time
}

// answers says whether a request is the answer to an approve.
func (r Request) answers() bool {
	return r.Kind == engine.SignalReceived && r.Signal != nil && r.Signal.Name == ""
}

// An AnsweredError says that somebody else has answered an approve.
type AnsweredError struct {
	Run    string
	At     engine.Address // the attempt of the approve
	By     string         // who has
	Signal engine.Signal  // what
}

func (e *AnsweredError) Error() string {
	word := "rejected"
	if e.Signal.Approved {
		word = "approved"
	}
	return fmt.Sprintf("run %s: %s has been %s already, by %s", e.Run, e.At.Step(), word, cmp.Or(e.By, "somebody"))
}

// A Filter chooses runs; its zero value lets all through that are no child runs.
type Filter struct {
	Workflow   string
	Statuses   []engine.Status // ended in one of these ways
	Unfinished bool            // has not ended; with Statuses, these or those
	Device     string          // did something with this device
	Since      time.Time       // started then or later
	RetryOf    string          // tried this run again
	Parent     string          // is a child of this run
	Queued     bool            // waits for a slot
	Approval   bool            // waits for somebody's approval
	After      string          // the id of the last run of the page before
	Limit      int             // 0: all
}

// A Source is a workflow file as it was when the run began. Equal texts are kept once.
type Source struct {
	File string
	Text []byte
}

// A Run is a line in the list of runs.
type Run struct {
	ID       string
	Workflow string
	File     string
	Hash     string // of the source
	Hub      string
	Device   string // the only one that it did something with; empty: none, or several
	Program  string // the same for runs with the same sources
	Started  time.Time
	Ended    time.Time     // zero: under way, or left behind
	Status   engine.Status // empty until it has ended
	Standing Standing
	Wish     engine.EventKind // what somebody asks for and nobody has answered: CancelRequested, or else the last pause or its end; empty: nothing
	Driver   string           // the living process that drives it, in words; empty: none
	RetryOf  string           // the run whose failed steps it does again
	Retry    string           // the run that does its failed steps again; empty: none
	Parent   string           // the run it is a part of
	Key      string           // which part
}

// What a Journal answers to a caller who is mistaken; found by errors.Is.
var (
	ErrNotFound   = errors.New("there is no such run")
	ErrExists     = errors.New("there is a run of this id already")
	ErrEnded      = errors.New("the run has ended")
	ErrUnfinished = errors.New("the run has not ended")
	ErrDriven     = errors.New("another process drives the run")
	ErrLost       = errors.New("this process does not drive the run any more")
)

// A RetriedError says that a run has been tried again already.
type RetriedError struct{ Run, Retry string }

func (e *RetriedError) Error() string {
	return fmt.Sprintf("run %s has been tried again already, as run %s", e.Run, e.Retry)
}

// NewRun is the line of a run, or an error if that is no beginning.
func NewRun(b Beginning) (Run, error) {
	if len(b.Events) == 0 || b.Events[0].Kind != engine.RunStarted || b.Events[0].Start == nil || b.Events[0].Start.ID == "" {
		return Run{}, errors.New("a run begins with RunStarted, which has its id")
	}
	s := b.Events[0].Start
	run := Run{
		ID: s.ID, Workflow: s.Workflow, File: s.File, Hash: s.Hash, Hub: s.Hub, Program: programOf(b.Sources),
		Started: b.Events[0].Time, RetryOf: s.RetryOf, Parent: s.Parent, Key: s.Key,
	}
	return run, run.accept(b.Events[1:])
}

// noParent is about a run whose parent was removed, or never there: it would be in no list.
func noParent(parent string) error {
	return fmt.Errorf("the run that it is a part of, %s: %w", parent, ErrNotFound)
}

// programOf is the same for the same files and texts.
func programOf(sources []Source) string {
	sum := sha256.New()
	for _, s := range sources {
		fmt.Fprintf(sum, "%d %s%d ", len(s.File), s.File, len(s.Text))
		sum.Write(s.Text)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// accept holds events against the rule that nothing follows RunEnded, and brings the run's line up to date.
func (r *Run) accept(events []engine.Event) error {
	if !r.Ended.IsZero() && len(events) > 0 {
		return ErrEnded
	}
	for i, e := range events {
		if e.Kind != engine.RunEnded {
			continue
		}
		if i < len(events)-1 {
			return errors.New("nothing follows RunEnded")
		}
		if e.End != nil {
			r.Ended, r.Status = e.Time, e.End.Status
		}
	}
	return nil
}
