package schedule

import (
	"context"
	"log/slog"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// A Store keeps what is known of schedules. A journal is one; its methods are described there.
type Store interface {
	KnowSchedules(ctx context.Context, now time.Time, list []journal.ScheduleState) error
	Schedules(ctx context.Context) ([]journal.ScheduleState, error)
	Dealt(ctx context.Context, id string, until time.Time) error
	EndBackfill(ctx context.Context, id int64) error
	ListenSchedules(f func()) (stop func())
}

// A Starter begins runs.
type Starter interface {
	// Fire begins the run for one of a schedule's times, with its Admission, and returns when that is kept.
	// *journal.TakenError and *journal.FullError are answers; after any other error it is called again. It is called
	// from many parties at once.
	Fire(ctx context.Context, s Schedule, nominal time.Time, backfill bool) error
}

// Config is what a Book needs; Store, Starter and Clock must be set.
type Config struct {
	Store   Store
	Starter Starter
	Clock   clock.Clock

	Observe func(Fired)  // is told of each answer of the Starter; it must not wait. nil: nobody is
	Log     *slog.Logger // nil: nothing is logged

	Grace time.Duration // how late a run may begin without its time being a missed one; zero: a minute
	Look  time.Duration // how often the clock is looked at, which may have been set; zero: 30 s
	Calls int           // how many calls of Store and Starter may be under way; zero: 512
}

// Fired is an answer of the Starter.
type Fired struct {
	Schedule string    // its id
	Nominal  time.Time // the time by the schedule
	Due      time.Time // when the run was to begin
	Began    time.Time // when the answer came
	Missed   bool      // the time had been missed, and was made up for
	Backfill bool      // somebody asked for the time afterwards
	Err      error     // nil: the run was begun; *journal.TakenError: before; *journal.FullError: it is left out; else it is tried again
}

// A Book has the schedules of a server and begins their runs.
type Book struct {
	config Config
	inbox  *clock.Queue[func()] // what is to be done in Run's turn; all below is touched there alone

	ctx     context.Context
	now     time.Time // of this turn
	entries map[string]*entry
	alarms  alarms
	wake    func() bool // stops the timer that is set; nil: none is
	wakeAt  time.Time
	wakes   int // timers so far, so that one that has been stopped too late is known

	calls   int      // under way
	line    []func() // calls that wait for others to end
	closing bool

	list  []Schedule // what the server wants to have
	known knowing
}

// New makes a Book without schedules.
func New(c Config) *Book {
	if c.Observe == nil {
		c.Observe = func(Fired) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	if c.Look == 0 {
		c.Look = 30 * time.Second
	}
	if c.Calls == 0 {
		c.Calls = 512
	}
	b := &Book{config: c, inbox: clock.NewQueue[func()](c.Clock), entries: map[string]*entry{}}
	b.known.again.ring = b.know
	return b
}

// Replace has the Book follow these schedules and no others from now on. Those whose Spec is what it was go on where
// they were. It does not wait, and may be called from anywhere.
func (b *Book) Replace(list []Schedule) {
	b.inbox.Put(func() {
		b.list, b.known.stale, b.known.news = list, true, true
		b.know()
	})
}

// Run follows the schedules until ctx ends, and returns nil when all that was under way has come back. It is called
// once.
func (b *Book) Run(ctx context.Context) error {
	b.ctx = ctx
	defer b.config.Store.ListenSchedules(func() {
		b.inbox.Put(func() {
			b.known.stale = true
			b.know()
		})
	})()
	for {
		news, err := b.inbox.Take(ctx)
		if err != nil {
			break
		}
		b.turn(news)
	}
	b.closing, b.line, b.alarms = true, nil, nil
	for b.calls > 0 {
		news, err := b.inbox.Take(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		b.turn(news)
	}
	b.sleep()
	return nil
}

// turn does what has come in and what is due.
func (b *Book) turn(news []func()) {
	b.now = b.config.Clock.Now().Round(0)
	for _, f := range news {
		f()
	}
	b.alarms.ringAll(b.now)
	b.sleep()
}

// sleep sets the timer for the next alarm. The machine's timers stand still while it is suspended and do not know
// when its clock is set, so none is for long.
func (b *Book) sleep() {
	if len(b.alarms) == 0 || b.closing {
		if b.wake != nil {
			b.wake()
			b.wake = nil
		}
		return
	}
	at := b.alarms[0].at
	if most := b.now.Add(b.config.Look); at.After(most) {
		at = most
	}
	if b.wake != nil {
		if at.Equal(b.wakeAt) {
			return
		}
		b.wake()
	}
	b.wakes++
	mine := b.wakes
	b.wakeAt = at
	b.wake = b.config.Clock.After(at.Sub(b.now), func() {
		b.inbox.Put(func() {
			if b.wakes == mine {
				b.wake = nil
			}
		})
	})
}

// call does f as a party of its own, as soon as there are few enough of them, and then what it returns in Run's turn.
func (b *Book) call(name string, f func(ctx context.Context) (then func())) {
	if b.closing {
		return
	}
	if b.calls >= b.config.Calls {
		b.line = append(b.line, func() { b.call(name, f) })
		return
	}
	b.calls++
	b.config.Clock.Go(b.ctx, name, func(ctx context.Context) {
		then := f(ctx)
		b.inbox.Put(func() { b.called(then) })
	})
}

func (b *Book) called(then func()) {
	b.calls--
	if len(b.line) > 0 {
		next := b.line[0]
		b.line[0] = nil
		b.line = b.line[1:]
		next()
	}
	then()
}

// backoff is how long to wait after so many failures in a row.
func backoff(failures int, least, most time.Duration) time.Duration {
	return min(least<<min(failures-1, 20), most)
}
