package logs

import (
	"log/slog"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// note is about what the planner decided.
func (l *Log) note(u runner.Update) {
	n := u.Note
	device := text("device", n.Device)
	switch n.Kind {
	case engine.NoteAdmitted:
		l.say(slog.LevelInfo, u, "run began", seconds("waitedSeconds", u.Asked, u.Time))
	case engine.NoteStepStarted:
		l.say(slog.LevelDebug, u, "step began", step(n.At), action(n), device)
	case engine.NoteStepWaits:
		l.say(slog.LevelDebug, u, "step sleeps", step(n.At), device, due(n))
	case engine.NoteStepRetry:
		kind, message, where := why(n.Error)
		l.say(slog.LevelInfo, u, "step is tried again", step(n.At), action(n), device, slog.Int("attempt", n.Attempt), kind, message, where, due(n))
	case engine.NoteStepEnded:
		l.stepEnded(u)
	case engine.NoteLog:
		l.say(levelOf(n.Log.Level), u, "step says", step(n.At), device, text("text", n.Log.Message), fields(n.Log.Fields))
	case engine.NoteItemStarted, engine.NoteItemEnded:
		message := "item began"
		if n.Kind == engine.NoteItemEnded {
			message = "item ended"
		}
		l.say(slog.LevelDebug, u, message, step(n.At), text("outcome", string(n.Status)))
	case engine.NotePaused:
		l.say(slog.LevelInfo, u, "run is paused", text("by", n.By), text("reason", n.Reason))
	case engine.NoteResumed:
		l.say(slog.LevelInfo, u, "run is not paused any more", text("by", n.By), text("reason", n.Reason))
	case engine.NoteAsks:
		l.asks(u)
	case engine.NoteIgnored:
		message := "signal changes nothing"
		if n.At != "" {
			message = "answer changes nothing"
		}
		l.say(slog.LevelWarn, u, message, step(n.At), text("by", n.By), text("reason", n.Reason))
	}
}

// stepEnded warns of actions that failed. The failure of a block is that of an action inside it, which was said, and
// what was kept of another run happened there.
func (l *Log) stepEnded(u runner.Update) {
	n, level, message := u.Note, slog.LevelDebug, "step ended"
	switch {
	case n.Status == engine.Succeeded && !n.Kept && n.Step.Action == engine.Approve.Name:
		level, message = slog.LevelInfo, "step was approved"
	case n.Status == engine.Failed:
		if message = "step failed"; n.Error != nil && n.Error.SaidNo() && n.Step.Do != nil {
			message = "step was rejected"
		}
		switch {
		case n.Kept || n.Step.Do == nil:
		case n.Tolerated:
			level = slog.LevelInfo
		default:
			level = slog.LevelWarn
		}
	}
	kind, failure, where := why(n.Error)
	tolerated := slog.Attr{}
	if n.Tolerated {
		tolerated = slog.Bool("tolerated", true)
	}
	l.say(level, u, message, step(n.At), action(n), text("device", n.Device), slog.String("outcome", string(n.Status)), seconds("seconds", n.Started, n.Time), kind, failure, where, several("attempts", n.Attempt), tolerated)
}

// asks is about a step that waits for people or programs.
func (l *Log) asks(u runner.Update) {
	n, message := u.Note, "step waits for approval"
	if n.Ask.Signal != "" {
		message = "step waits for a signal"
	}
	roles := slog.Attr{}
	if len(n.Ask.Roles) > 0 {
		roles = slog.Any("roles", n.Ask.Roles)
	}
	l.say(slog.LevelInfo, u, message, step(n.At), text("device", n.Device), text("signal", n.Ask.Signal), text("message", n.Ask.Message), roles, due(n))
}

func action(n *engine.Note) slog.Attr {
	if n.Step == nil {
		return slog.Attr{}
	}
	return text("action", n.Step.Action)
}

// due is until when something waits.
func due(n *engine.Note) slog.Attr {
	if n.Due.IsZero() {
		return slog.Attr{}
	}
	return slog.Time("until", n.Due)
}

// fields are those of a log step.
func fields(values map[string]any) slog.Attr {
	if len(values) == 0 {
		return slog.Attr{}
	}
	return slog.Any("fields", values)
}

// levelOf is the level that a log step names.
func levelOf(name string) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// several is a number that is usually one, and then not said.
func several(name string, n int) slog.Attr {
	if n < 2 {
		return slog.Attr{}
	}
	return slog.Int(name, n)
}
