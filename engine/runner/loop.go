package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// A loop drives one run while it is in memory. All its fields belong to the loop's party; others talk to
// it by the inbox.
type loop struct {
	*Runner
	id    string
	under context.Context // that the run was started with
	info  engine.RunStart
	born  time.Time // when somebody asked for the run
	plan  *engine.Run
	inbox *inbox
	done  *clock.Promise[ending]

	jobs      map[engine.Address]*job
	timers    map[engine.Address]*timer
	unset     []*timer    // those not set yet
	parties   int         // attempts that have not returned, those given up on included
	inherited []*watch    // of the parked run, until they are taken over
	settled   func()      // lets the next parked run be woken
	unsettled func() bool // stops the timer that calls it

	events    int              // the length of its journal
	effect    bool             // among the events to be kept next is the answer to an effect
	loose     bool             // the latest events were not waited for
	told      journal.Standing // what the journal knows
	answered  map[int64]bool   // requests
	asked     time.Time        // when the latest one was heard; the next is later
	cancelled bool             // one of them was a cancel
	ended     time.Time        // what RunEnded has
	quiet     func() bool      // stops the timer after which a long run has been quiet; nil: none
	rested    bool             // it has been
	cutOff    []engine.Command // effects that could not be waited for
}

func newLoop(r *Runner, ctx context.Context, id string) *loop {
	return &loop{
		Runner: r, id: id, under: ctx, inbox: newInbox(r.config.Clock), done: clock.NewPromise[ending](r.config.Clock),
		jobs: map[engine.Address]*job{}, timers: map[engine.Address]*timer{},
		settled: func() {}, unsettled: func() bool { return true },
	}
}

// launch gives a run that has entered its loop. first is the loop's first act.
func (r *Runner) launch(l *loop, first func(context.Context) (*engine.Outcome, error)) *Handle {
	h := &Handle{runner: r, id: l.id, under: l.under, done: l.done}
	r.config.Clock.Go(l.under, "run "+l.id, func(ctx context.Context) {
		end := l.run(ctx, first)
		l.unsettled()
		l.settled()
		if end.parked { // the lot has it
			l.done.Resolve(end)
			return
		}
		r.blame(l, end.err)
		r.drop(l, end)
	})
	return h
}

// run drives the run until it ends or is parked, ctx ends or the journal fails.
func (l *loop) run(ctx context.Context, first func(context.Context) (*engine.Outcome, error)) ending {
	inner, stop := l.config.Clock.WithCancel(ctx)
	end, err := l.drive(inner, first)
	l.stopTimers()
	stop()
	switch {
	case err == nil:
		return ending{outcome: *end}
	case err == errParked:
		return ending{parked: true}
	}
	l.leave(ctx)
	if ctx.Err() != nil {
		err = stopped(ctx, l.id)
	}
	l.observe(Update{Time: l.now(), Err: err, CutOff: l.cutOff})
	return ending{err: err}
}

// errParked says that the loop is no longer needed.
var errParked = errors.New("the run is parked")

func stopped(ctx context.Context, run string) error {
	return fmt.Errorf("run %s: %w: %w", run, ErrStopped, context.Cause(ctx))
}

func (l *loop) drive(ctx context.Context, first func(context.Context) (*engine.Outcome, error)) (*engine.Outcome, error) {
	end, err := first(ctx)
	for end == nil && err == nil {
		var events []engine.Event
		switch events, err = l.take(ctx); {
		case err != nil:
		case l.draining.Load():
			err = l.drain(ctx, events)
		default:
			end, err = l.follow(ctx, events, l.sort(l.plan.Next(events...), nil))
		}
	}
	return end, err
}

// follow keeps what happened with what follows from it, and then carries that out.
func (l *loop) follow(ctx context.Context, events []engine.Event, w work) (*engine.Outcome, error) {
	if err := l.keep(ctx, events, w); err != nil {
		return nil, err
	}
	l.observeRequests(events)
	return l.carryOut(ctx, w), nil
}

// take waits until something has happened, and gives all that is at hand; nothing, if the runner drains. errParked: the
// run has left memory instead.
func (l *loop) take(ctx context.Context) ([]engine.Event, error) {
	for !l.draining.Load() {
		if err := l.rest(ctx); err != nil {
			return nil, err
		}
		l.setTimers()
		events, err := l.hear(ctx)
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			l.disturb()
			return events, nil
		}
	}
	return nil, nil
}

// hear waits until there is news, and gives what has happened in order, perhaps nothing; also beside the error when ctx
// has ended.
func (l *loop) hear(ctx context.Context) (events []engine.Event, err error) {
	all, err := l.inbox.take(ctx)
	for _, n := range all { // heard even if ctx has ended: leave counts who has returned
		e, ok := n()
		switch {
		case ok && events == nil:
			events = append(make([]engine.Event, 0, len(all)+1), e) // with room for what most often begins then
		case ok:
			events = append(events, e)
		}
	}
	engine.SortEvents(events)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return events, err
}

// carryOut makes a decision happen that the journal has kept. Effects begin before people hear of it, so that a
// slow observer takes no time from them.
func (l *loop) carryOut(ctx context.Context, w work) *engine.Outcome {
	for _, c := range w.begin {
		l.begin(ctx, c)
	}
	for _, c := range w.again {
		l.begin(ctx, c)
	}
	for _, at := range w.never {
		l.answer(at, neverBegan())
	}
	for _, at := range w.stop {
		l.stopJob(at)
	}
	l.observeNotes(w.notes)
	if w.end != nil {
		l.observe(Update{Time: l.ended, End: w.end})
	}
	return w.end
}

// answer tells the loop itself how an attempt ended that nobody carries out.
func (l *loop) answer(at engine.Address, failure *engine.Error) {
	done := engine.Event{Time: l.now(), Kind: engine.StepDone, At: at, Error: failure}
	l.inbox.put(func() (engine.Event, bool) { return done, true })
}

// leave ends what the run still has under way: parties have some time to return, and those who do not hear are
// left behind.
func (l *loop) leave(ctx context.Context) {
	l.stopWatches()
	ctx, cancel := l.config.Clock.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for l.parties > 0 {
		all, err := l.inbox.take(ctx)
		if err != nil {
			return
		}
		for _, n := range all {
			n()
		}
	}
}
