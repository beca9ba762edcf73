package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// grace is how long a step may go on after it was told to end. Then its answer is no longer awaited.
const grace = 5 * time.Second

// A job is an attempt under way, carried out by a party or, where watch is set, only watched.
type job struct {
	loop    *loop
	command engine.Command
	cancel  context.CancelFunc
	overdue func() bool // stops the timer that ends it or gives up on it
	glimpse glimpse
	watch   *watch
}

// begin starts an attempt. Its context ends at the deadline, or when it is stopped.
func (l *loop) begin(ctx context.Context, c engine.Command) {
	if l.watches(c) {
		l.beginWatch(c)
		return
	}
	j := &job{loop: l, command: c, overdue: func() bool { return true }}
	if c.Deadline.IsZero() {
		ctx, j.cancel = l.config.Clock.WithCancel(ctx)
	} else {
		left := c.Deadline.Sub(l.config.Clock.Now())
		ctx, j.cancel = l.config.Clock.WithTimeout(ctx, left)
		j.giveUpAfter(left+grace, deafAtDeadline)
	}
	l.jobs[c.At] = j
	l.parties++
	l.config.Clock.Go(ctx, l.id+" "+string(c.At), j.run)
}

// stopJob tells an attempt to end early.
func (l *loop) stopJob(at engine.Address) {
	j := l.jobs[at]
	switch {
	case j == nil:
	case j.watch != nil:
		j.watch.end(context.Canceled)
	default:
		j.overdue()
		j.cancel()
		j.giveUpAfter(grace, deafToStop)
	}
}

// giveUpAfter takes a failure for the attempt's answer if there is none after d.
func (j *job) giveUpAfter(d time.Duration, failure func(engine.Command) *engine.Error) {
	l := j.loop
	j.overdue = l.config.Clock.After(d, func() {
		done := engine.Event{Time: l.now(), Kind: engine.StepDone, At: j.command.At, Error: failure(j.command)}
		l.inbox.put(func() (engine.Event, bool) { return done, j.over() })
	})
}

// over ends a job for the loop, and says false if it was over before.
func (j *job) over() bool {
	if j.loop.jobs[j.command.At] != j {
		return false
	}
	delete(j.loop.jobs, j.command.At)
	j.overdue()
	j.loop.effect = j.loop.effect || j.command.Delivery != engine.Read
	return true
}

// run carries out the attempt in a party of its own. The loop hears of its end whatever the step
// does, even if it ends its goroutine.
func (j *job) run(ctx context.Context) {
	l := j.loop
	done := engine.Event{Kind: engine.StepDone, At: j.command.At}
	answered := false
	defer func() {
		j.cancel()
		if !answered {
			done.Error = noAnswer(j.command)
		}
		done.Time = l.now()
		l.inbox.put(func() (engine.Event, bool) {
			l.parties--
			return done, j.over()
		})
	}()
	done.Value, done.Error = j.do(ctx)
	answered = true
}

// do carries out the attempt here and now.
func (j *job) do(ctx context.Context) (value any, failure *engine.Error) {
	if cause := endOf(ctx); cause != nil {
		return nil, endedBefore(cause, j.command)
	}
	panicked := caught(func() {
		output, err := j.loop.config.Do(ctx, j.loop.info, j.command, j.waiting)
		value, failure = verdict(endOf(ctx), j.command, output, err)
	})
	if panicked != "" {
		return nil, bug(j.command, panicked)
	}
	return value, failure
}

// caught calls f, and says where and how it panicked, if it did: a step that panics fails its run, and no other. What a
// step does in callbacks of its own, where others call it, it has to catch itself.
func caught(f func()) (panicked string) {
	defer func() {
		if v := recover(); v != nil {
			panicked = fmt.Sprintf("panicked at %s: %v", panicPlace(), v)
		}
	}()
	f()
	return ""
}

// endOf is why a context has ended, or nil.
func endOf(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// waiting passes on what the step sees.
func (j *job) waiting(what string) {
	if !j.glimpse.set(what, j.loop.now()) {
		return
	}
	j.loop.inbox.put(func() (engine.Event, bool) {
		text, at := j.glimpse.take()
		if c := j.command; j.loop.jobs[c.At] == j {
			j.loop.show(j.loop.id, at, Progress{At: c.At, Step: c.Step, Title: c.Title, Device: c.Device, Text: text})
		}
		return engine.Event{}, false
	})
}

// panicPlace is where the panic that is being recovered began, as folder/file.go:line.
func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicking := false
	for {
		frame, more := frames.Next()
		if panicking && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(frame.File)), filepath.Base(frame.File), frame.Line)
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
		if !more {
			return "a place unknown"
		}
	}
}
