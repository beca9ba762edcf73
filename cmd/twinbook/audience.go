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

	mu    sync.Mutex // guards shown: the runs tell at the same time
	shown map[string]*viewed
}

type viewed struct {
	course   course
	reporter reporter
	summary  summary
}

func newAudience(a *app, ctx context.Context, d drive) *audience {
	v := &audience{app: a, ctx: ctx, drive: d, shown: map[string]*viewed{}}
	for _, c := range d.runs {
		v.shown[c.id] = &viewed{course: c, reporter: d.show(c)}
	}
	return v
}

// of is what is shown of a run; the id of one that begins is told with its first update.
func (v *audience) of(u runner.Update) *viewed {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.shown[u.Run]
	if s == nil {
		s = v.shown[""]
		v.shown[u.Run] = s
		delete(v.shown, "")
	}
	return s
}

func (v *audience) update(u runner.Update) {
	s := v.of(u)
	if u.Start != nil {
		s.summary.header = v.header(s.course, u)
		s.reporter.begin(s.summary.header)
		s.course.past, s.summary.past = nil, nil
	}
	s.reporter.update(u)
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

func (v *audience) forget(run string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.shown, run)
}

// header is what a run's first update and its past say of it.
func (v *audience) header(c course, u runner.Update) header {
	h := header{
		program: c.program, hubs: v.drive.world.hubsOf(c.hub, c.program), start: *u.Start, began: u.Time,
		recorded: v.drive.journal.file != "", command: v.app.command,
	}
	if u.Resumed && len(c.past) > 0 {
		h.past, h.began, h.resumed = notesOf(c.program, c.past), c.past[0].Time, u.Time
	}
	return h
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
