package logs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// Observe is told what happens in runs.
func (l *Log) Observe(u runner.Update) {
	switch {
	case u.Start != nil:
		l.began(u)
	case u.Request != nil:
		l.asked(u)
	case u.Note != nil:
		l.note(u)
	case u.Progress != nil:
		p := u.Progress
		l.say(slog.LevelDebug, u, "step sees", step(p.At), text("device", p.Device), text("text", p.Text))
	case u.End != nil:
		l.ended(u)
	case u.Err != nil && errors.Is(u.Err, runner.ErrStopped):
		l.stopped(u)
	case u.Err != nil:
		l.say(slog.LevelError, u, "run could not go on here", slog.String("error", u.Err.Error()))
	}
}

// stopped says what was cut off first: how that ended nobody will know.
func (l *Log) stopped(u runner.Update) {
	for _, c := range u.CutOff {
		l.say(slog.LevelWarn, u, "step was cut off, and may have happened", step(c.At.Step()), text("action", c.Step.Action), text("device", c.Device))
	}
	l.say(slog.LevelInfo, u, "run stopped here, and goes on later")
}

// say writes a line about a run, if its level is wanted. Attributes without a value are left out.
func (l *Log) say(level slog.Level, u runner.Update, message string, attrs ...slog.Attr) {
	if !l.handler.Enabled(context.Background(), level) {
		return
	}
	r := slog.NewRecord(u.Time, level, message, 0)
	r.AddAttrs(slog.String("run", u.Run))
	if u.Info != nil {
		r.AddAttrs(slog.String("workflow", u.Info.Workflow))
	}
	for _, a := range attrs {
		if a.Key != "" {
			r.AddAttrs(a)
		}
	}
	l.handler.Handle(context.Background(), r)
}

// text is an attribute, or nothing if it is empty.
func text(name, value string) slog.Attr {
	if value == "" {
		return slog.Attr{}
	}
	return slog.String(name, value)
}

func step(at engine.Address) slog.Attr { return text("step", string(at)) }

// why are what there is to say of a failure.
func why(e *engine.Error) (kind, message, where slog.Attr) {
	if e == nil {
		return
	}
	return text("kind", string(e.Kind)), text("error", e.Message), text("where", e.Where)
}

func (l *Log) began(u runner.Update) {
	message := "run began"
	switch {
	case u.Resumed:
		message = "run goes on here"
	case u.Start.Queued:
		message = "run waits for its turn"
	}
	l.say(slog.LevelInfo, u, message, text("hub", u.Start.Hub), text("trigger", triggerOf(u.Start)), text("by", u.Start.By), text("retryOf", u.Start.RetryOf), text("parent", u.Start.Parent))
}

// triggerOf is what started a run: the kind that run.trigger has, or that it is.
func triggerOf(start *engine.RunStart) string {
	switch t := start.Trigger.(type) {
	case string:
		return t
	case map[string]any:
		kind, _ := t["kind"].(string)
		return kind
	}
	return ""
}

// asked is about what somebody wants. A pause and its end are said when they happen; what a signal brings is not said.
func (l *Log) asked(u runner.Update) {
	e := u.Request
	switch e.Kind {
	case engine.CancelRequested:
		l.say(slog.LevelInfo, u, "cancel was asked for", text("by", e.By), text("reason", e.Reason))
	case engine.SignalReceived:
		l.told(u)
	}
}

// told is about what somebody tells a run. Whether an answer counts is said when that is decided: by the end of the step, or
// since it is ignored.
func (l *Log) told(u runner.Update) {
	e, message, name, answer := u.Request, "signal came", "", ""
	switch {
	case e.Signal == nil:
	case e.Signal.Name != "":
		name = e.Signal.Name
	case e.Signal.Approved:
		message, answer = "answer came", "yes"
	default:
		message, answer = "answer came", "no"
	}
	l.say(slog.LevelInfo, u, message, step(e.At), text("signal", name), text("answer", answer), text("by", e.By), text("reason", e.Reason))
}

func (l *Log) ended(u runner.Update) {
	level, began := slog.LevelInfo, u.Began
	if u.End.Status == engine.Failed {
		level = slog.LevelWarn
	}
	if began.IsZero() {
		began = u.Asked
	}
	kind, message, where := why(u.End.Error)
	l.say(level, u, "run ended", slog.String("outcome", string(u.End.Status)), seconds("seconds", began, u.Time), kind, message, where, text("message", u.End.Message), count("tolerated", u.End.Tolerated))
}

// seconds are how long something went on, to the millisecond.
func seconds(name string, from, to time.Time) slog.Attr {
	if from.IsZero() {
		return slog.Attr{}
	}
	return slog.Float64(name, float64(to.Sub(from).Milliseconds())/1000)
}

func count(name string, n int) slog.Attr {
	if n == 0 {
		return slog.Attr{}
	}
	return slog.Int(name, n)
}
