package runner

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A watch is an attempt that somebody else will answer. It outlives the loop of a run that is parked, so it holds
// neither that nor the command. What follows runner is guarded by Runner.mu, but for what never changes.
type watch struct {
	run     string
	what    Progress // all but the text
	glimpse glimpse
	runner  *Runner
	stop    func(cause error) // nil: there is nothing to stop
	cause   error             // why it was told to end
	reply   *reply
}

// A reply is what a watch was answered.
type reply struct {
	time  time.Time
	value any
	err   error
	cause error // why it had been told to end before, nil if it had not
}

// watches says whether an attempt of this command needs no party.
func (l *loop) watches(c engine.Command) bool { return l.config.Watch != nil && c.Type.Parks() }

// beginWatch has an attempt watched, if it still has time.
func (l *loop) beginWatch(c engine.Command) {
	if !c.Deadline.IsZero() && !l.config.Clock.Now().Before(c.Deadline) {
		l.answer(c.At, endedBefore(context.DeadlineExceeded, c))
		return
	}
	w := &watch{run: l.id, runner: l.Runner, what: Progress{At: c.At, Step: c.Step, Title: c.Title, Device: c.Device}}
	l.takeOver(c, w)
	var stop func(error)
	if panicked := caught(func() { stop = l.config.Watch(l.info, c, w.waiting, w.answer) }); panicked != "" {
		w.answer(nil, bug(c, panicked))
	}
	l.mu.Lock()
	w.stop = stop
	l.mu.Unlock()
}

// takeOver makes the loop the one that hears of a watch, and that ends it at its deadline.
func (l *loop) takeOver(c engine.Command, w *watch) {
	j := &job{loop: l, command: c, watch: w, overdue: func() bool { return true }}
	l.jobs[c.At] = j
	if !c.Deadline.IsZero() {
		j.overdue = l.config.Clock.After(c.Deadline.Sub(l.config.Clock.Now()), func() {
			l.inbox.put(func() (engine.Event, bool) {
				if l.jobs[c.At] == j {
					j.endWatch(context.DeadlineExceeded)
				}
				return engine.Event{}, false
			})
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.reply != nil {
		l.inbox.put(w.news(l))
	}
}

// endWatch tells the watch of an attempt to end.
func (j *job) endWatch(cause error) {
	if panicked := j.watch.end(cause); panicked != "" {
		j.watch.answer(nil, bug(j.command, panicked))
	}
}

// stopWatches ends all watches of a run that is no longer driven here. Nobody hears the answers.
func (l *loop) stopWatches() {
	for _, w := range l.inherited {
		w.end(context.Canceled)
	}
	for _, w := range l.watched() {
		w.end(context.Canceled)
	}
}

// watched are the watches of the run, in the order of their addresses.
func (l *loop) watched() (all []*watch) {
	for _, j := range l.jobs {
		if j.watch != nil {
			all = append(all, j.watch)
		}
	}
	slices.SortFunc(all, func(a, b *watch) int { return strings.Compare(string(a.what.At), string(b.what.At)) })
	return all
}

// end tells the watch to answer at once, unless it has, and says how that panicked, if it did.
func (w *watch) end(cause error) (panicked string) {
	w.runner.mu.Lock()
	w.cause = cause
	stop, answered := w.stop, w.reply != nil
	w.runner.mu.Unlock()
	if stop == nil || answered {
		return ""
	}
	return caught(func() { stop(cause) })
}

// answer hands the answer to the run's loop, or has the run rebuilt. It is called from anywhere.
func (w *watch) answer(value any, err error) {
	r := w.runner
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.reply != nil {
		return
	}
	w.reply = &reply{time: eventTime(r.config.Clock.Now()), value: value, err: err, cause: w.cause}
	if l := r.active[w.run]; l != nil {
		l.inbox.put(w.news(l))
	} else if t := r.lotWith(w.run); t != nil {
		t.wake(w.run)
	}
}

// news is how a loop hears of the answer.
func (w *watch) news(l *loop) news {
	return func() (engine.Event, bool) {
		j := l.jobs[w.what.At]
		if j == nil || j.watch != w || !j.over() {
			return engine.Event{}, false
		}
		done := engine.Event{Time: w.reply.time, Kind: engine.StepDone, At: w.what.At}
		done.Value, done.Error = verdict(w.reply.cause, j.command, w.reply.value, w.reply.err)
		return done, true
	}
}

// waiting passes on what the step sees. It is called from anywhere.
func (w *watch) waiting(what string) {
	r := w.runner
	if !w.glimpse.set(what, eventTime(r.config.Clock.Now())) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.lotWith(w.run); t != nil {
		t.inbox.Put(w.show)
	} else {
		w.tell()
	}
}

// tell has the run's loop show what the step sees. Runner.mu is held.
func (w *watch) tell() {
	l := w.runner.active[w.run]
	if l == nil {
		return
	}
	l.inbox.put(func() (engine.Event, bool) {
		if j := l.jobs[w.what.At]; j != nil && j.watch == w {
			w.showNow()
		}
		return engine.Event{}, false
	})
}

// show is called by the lot in which the run was parked.
func (w *watch) show() {
	r := w.runner
	r.mu.Lock()
	parked := r.lotWith(w.run) != nil
	if !parked {
		w.tell()
	}
	r.mu.Unlock()
	if parked {
		w.showNow()
	}
}

func (w *watch) showNow() {
	p := w.what
	var at time.Time
	p.Text, at = w.glimpse.take()
	w.runner.show(w.run, at, p)
}
