package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// An audience shows the runs of a drive, each by a reporter of its own.
type audience struct {
	app   *app
	ctx   context.Context // that a signal ends
	drive drive

	mu      sync.Mutex // guards what follows: the runs tell at the same time
	courses map[string]course
	shown   map[string]*viewed // runs that have told something, and have not ended
}

type viewed struct {
	course   course
	reporter reporter
	summary  summary
	paused   bool
}

func newAudience(a *app, ctx context.Context, d drive) *audience {
	v := &audience{app: a, ctx: ctx, drive: d, courses: map[string]course{}, shown: map[string]*viewed{}}
	for _, c := range d.runs {
		v.courses[c.id] = c
	}
	return v
}

// of is what is shown of a run; nil: it has ended, though something of it is still told. The id of one that
// begins comes with its first update.
func (v *audience) of(u runner.Update) *viewed {
	v.mu.Lock()
	defer v.mu.Unlock()
	if u.Start == nil {
		return v.shown[u.Run]
	}
	c, ok := v.courses[u.Run]
	if !ok {
		c = v.courses[""]
	}
	s := &viewed{course: c, reporter: v.drive.show(c)}
	v.shown[u.Run] = s
	return s
}

func (v *audience) update(u runner.Update) {
	s := v.of(u)
	if s == nil {
		return
	}
	if u.Start != nil {
		v.begin(s, u)
	}
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

// requested says what somebody else wants of a run that is shown here.
func (v *audience) requested(s *viewed, u runner.Update) {
	if u.Request == nil {
		return
	}
	paused := s.paused
	s.paused = u.Request.Kind == engine.PauseRequested
	if u.Request.By == "" { // a signal, which has been told of
		return
	}
	who := clean(u.Request.By)
	if u.Request.Reason != "" {
		who += " (" + clean(u.Request.Reason) + ")"
	}
	switch {
	case u.Request.Kind == engine.CancelRequested:
		s.reporter.interrupting("cancelled by " + who + ": the run ends in good order, finally still runs")
	case u.Request.Kind == engine.PauseRequested:
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
	s.summary.header = v.header(s.course, u)
	s.paused = pausedAfter(s.summary.past)
	s.reporter.begin(s.summary.header)
	s.summary.past = nil
}

// catchUp tells what followed from the events that this process has added.
func (s *viewed) catchUp() {
	c := s.course
	s.course.past, s.course.added = nil, nil
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
		s.reporter.interrupting(why + ": the run ends in good order, finally still runs; a second time leaves at once")
	}
}
