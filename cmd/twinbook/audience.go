package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// An audience shows the runs of a drive, each by a reporter of its own.
type audience struct {
	app   *app
	ctx   context.Context // that a signal ends
	drive drive

	mu      sync.Mutex         // guards what follows: the runs tell at the same time
	courses map[string]*course // of runs that have not ended
	shown   map[string]*viewed // those of them that have told something lately
	most    int                // how many may be in shown
	order   []string           // of those in shown, and some that have ended, as they came
}

// mostShown is, unless a test says otherwise, of how many runs at the same time it is kept what their lines need. Those of which nothing was heard for
// longest are looked up in the journal when they tell something again.
const mostShown = 1000

type viewed struct {
	course    *course
	reporter  reporter
	summary   summary
	paused    bool
	cancelled bool
	again     bool // it is to be recalled
	queued    bool // nothing of it has begun; guarded by the audience's mu
}

func newAudience(a *app, ctx context.Context, d drive) *audience {
	v := &audience{app: a, ctx: ctx, drive: d, most: mostShown, courses: map[string]*course{}, shown: map[string]*viewed{}}
	for i := range d.runs {
		v.courses[d.runs[i].id] = &d.runs[i]
	}
	return v
}

// of is what is shown of a run; nil: it has ended, though something of it is still told. The id of one that
// begins comes with its first update.
func (v *audience) of(u runner.Update) *viewed {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, c := v.shown[u.Run], v.courses[u.Run]
	switch {
	case u.Start != nil && c == nil:
		c = v.courses[""]
	case s != nil || c == nil:
		return s
	}
	s = &viewed{course: c, reporter: v.drive.show(*c), again: u.Start == nil}
	v.shown[u.Run] = s
	v.order = append(v.order, u.Run)
	for len(v.order) > v.most {
		delete(v.shown, v.order[0])
		v.order = v.order[1:]
	}
	return s
}

// recall makes ready to show a run again of which nothing was heard for a while.
func (v *audience) recall(s *viewed, u runner.Update) {
	s.again = false
	events, err := v.drive.journal.Events(context.WithoutCancel(v.ctx), u.Run, 0)
	if err != nil || len(events) == 0 || events[0].Start == nil {
		return // then its lines lack what is around them
	}
	s.summary.header = v.header(*s.course, runner.Update{Run: u.Run, Time: events[0].Time, Start: events[0].Start})
	n := slices.IndexFunc(events, func(e engine.Event) bool { return !e.Time.Before(u.Time) })
	if n < 0 {
		n = len(events)
	}
	s.summary.past, s.summary.again = notesOf(s.course.program, events[:n]), true
	s.paused = pausedAfter(s.summary.past)
	s.cancelled = slices.ContainsFunc(events[:n], func(e engine.Event) bool { return e.Kind == engine.CancelRequested })
	s.reporter.begin(s.summary.header)
	s.summary.past = nil
}

// untold says whether nothing was heard of a run that this process was to go on with.
func (v *audience) untold(run string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.courses[run] != nil
}

func (v *audience) update(u runner.Update) {
	s := v.of(u)
	if s == nil {
		return
	}
	switch {
	case u.Start != nil:
		if added := s.course.added; len(added) > 0 { // with which it goes on
			u.Time = added[0].Time
		}
		v.begin(s, u)
	case s.again:
		v.recall(s, u)
	}
	if u.Note != nil && u.Note.Kind == engine.NoteAdmitted {
		s.summary.admitted = u.Time
	}
	v.stands(s)
	v.requested(s, u)
	s.reporter.update(u)
	if u.Start != nil {
		s.catchUp()
	}
	switch {
	case u.End != nil:
		s.summary.outcome, s.summary.ended = *u.End, u.Time
		if i, ok := interruption(v.ctx); ok && u.End.Status != engine.Succeeded {
			s.summary.signal = i.Error()
		}
		s.reporter.end(s.summary)
		v.forget(u.Run)
	case u.Err != nil:
		s.summary.ended = u.Time
		s.reporter.left(s.summary, u.Err)
		v.forget(u.Run)
	}
}

// stands keeps how a run stands, for interrupting, which is called beside updates.
func (v *audience) stands(s *viewed) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s.queued = s.summary.waitsForTurn()
}

// endsHow says what a cancel does with the run as it stands.
func (s *viewed) endsHow() string {
	if s.queued {
		return "the run ends, and nothing of it has begun"
	}
	return "the run ends in good order, finally still runs"
}

// requested says what somebody else wants of a run that is shown here.
func (v *audience) requested(s *viewed, u runner.Update) {
	if u.Request == nil {
		return
	}
	paused, kind := s.paused, u.Request.Kind
	again := s.cancelled || kind == engine.PauseRequested && paused // it changes nothing
	switch kind {
	case engine.PauseRequested:
		s.paused = !s.cancelled
	case engine.ResumeRequested:
		s.paused = false
	case engine.CancelRequested:
		s.paused, s.cancelled = false, true
	default: // notes and steps tell of it
		return
	}
	if again || u.Request.By == "" { // a signal has been told of
		return
	}
	who := clean(u.Request.By)
	if u.Request.Reason != "" {
		who += " (" + clean(u.Request.Reason) + ")"
	}
	switch {
	case kind == engine.CancelRequested:
		s.reporter.interrupting("cancelled by " + who + ": " + s.endsHow())
	case kind == engine.PauseRequested:
		s.reporter.interrupting("paused by " + who + ": no further step begins; " + v.app.command("runs resume "+u.Run) + " goes on")
	case paused:
		s.reporter.interrupting("goes on, resumed by " + who)
	}
}

func (v *audience) forget(run string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.shown, run)
	delete(v.courses, run)
}

// begin announces a run.
func (v *audience) begin(s *viewed, u runner.Update) {
	s.summary.header = v.header(*s.course, u)
	s.paused = pausedAfter(s.summary.past)
	s.reporter.begin(s.summary.header)
	s.summary.past = nil
}

// catchUp tells what followed from the events that this process has added.
func (s *viewed) catchUp() {
	c := *s.course
	s.course.past, s.course.added = nil, nil // which are not needed any more
	if len(c.added) == 0 {
		return
	}
	for i := range c.added {
		s.reporter.update(runner.Update{Run: c.id, Time: c.added[i].Time, Request: &c.added[i]})
	}
	plan := engine.NewRun(c.program)
	plan.Next(c.past...)
	notes := plan.Next(c.added...).Notes
	for i := range notes {
		s.reporter.update(runner.Update{Run: c.id, Time: notes[i].Time, Note: &notes[i]})
	}
}

// header is what a run's first update and its past say of it.
func (v *audience) header(c course, u runner.Update) header {
	h := header{
		program: c.program, hubs: v.drive.world.hubsOf(c.hub, c.program), start: *u.Start, began: u.Time,
		recorded: v.drive.journal.file != "", command: v.app.command, kept: c.kept,
	}
	if u.Resumed {
		h.past, h.began, h.resumed = notesOf(c.program, c.past), c.began, u.Time
		for i := range h.past {
			if h.past[i].Kind == engine.NoteAdmitted {
				h.admitted = h.past[i].Time
			}
		}
	}
	if u.Queued {
		why, err := v.drive.journal.whyQueued(context.WithoutCancel(v.ctx), u.Run)
		if err != nil {
			why = err.Error()
		}
		h.queued = "queued: " + clean(why)
	}
	return h
}

// pausedAfter says whether a run was paused when it was left.
func pausedAfter(past []engine.Note) (paused bool) {
	for i := range past {
		if kind := past[i].Kind; kind == engine.NotePaused || kind == engine.NoteResumed {
			paused = kind == engine.NotePaused
		}
	}
	return paused
}

// notesOf is what a run has told of itself in its events, one after another.
func notesOf(p *engine.Program, events []engine.Event) (notes []engine.Note) {
	plan := engine.NewRun(p)
	for _, e := range events {
		notes = append(notes, plan.Next(e).Notes...)
	}
	return notes
}

// interrupting says what a signal does.
func (v *audience) interrupting(why string) {
	if len(v.drive.runs) > 1 {
		fmt.Fprintf(v.app.err, "%s: the runs end in good order, finally still runs; a second time leaves at once\n", why)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.shown {
		s.reporter.interrupting(why + ": " + s.endsHow() + "; a second time leaves at once")
	}
}
