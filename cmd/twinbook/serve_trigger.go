package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/server"
	"github.com/twinbook/twinbook/server/library"
	"github.com/twinbook/twinbook/server/metrics"
	"github.com/twinbook/twinbook/server/triggers"
	"github.com/twinbook/twinbook/steps"
)

// triggersOf are the triggers of workflows over twins.
func (s *service) triggersOf(entries []library.Entry) (all []triggers.Trigger) {
	for _, e := range entries {
		for _, t := range e.Program.Workflow.Triggers {
			if t.Twin != nil {
				all = append(all, s.triggerOf(e, t))
			}
		}
	}
	return all
}

func (s *service) triggerOf(e library.Entry, t *engine.Trigger) triggers.Trigger {
	name := t.Twin.Hub
	if name == "" {
		name = e.Program.Workflow.Hub
	}
	if name == "" {
		name = s.reach.usual
	}
	return triggers.Trigger{
		ID: e.Name + "/" + t.ID, Hub: name, Debounce: t.Twin.Debounce,
		Holds: func(twin hub.Twin, now time.Time) (bool, error) { return e.Program.Holds(t, steps.TwinJSON(twin), now) },
		Start: func(ctx context.Context, twin hub.Twin, mark journal.Mark) error {
			return s.starter.Meet(ctx, e.Name, t, name, twin.Device, steps.TwinJSON(twin), mark)
		},
	}
}

// triggered is told what became of something that a trigger has seen.
func (s *service) triggered(e triggers.Event) {
	results := map[triggers.EventKind]string{triggers.Fired: metrics.Fired, triggers.Dropped: metrics.Dropped, triggers.Failed: metrics.Failed}
	if result, counts := results[e.Kind]; counts {
		s.metrics.Triggered("twin", result)
	}
	about := []any{"hub", e.Hub, "trigger", strings.Join(e.Triggers, " ")}
	if e.Device != "" {
		about = append(about, "device", e.Device)
	}
	if e.Err != nil {
		about = append(about, "error", e.Err)
	}
	switch e.Kind {
	case triggers.Fired:
		s.log.Debug("a twin began to meet a trigger's condition", about...)
	case triggers.Dropped:
		s.log.Warn("a trigger's run was not begun, since all places are taken", about...)
	case triggers.Failed:
		s.log.Error("a trigger could not do its work, and tries again", about...)
	case triggers.Unclear:
		s.log.Error("a trigger's condition could not be evaluated, and nothing changes for the device", about...)
	case triggers.Blind:
		s.log.Error("the twins of a hub cannot be read, and triggers see nothing until then", append(about, "kind", string(hub.KindOf(e.Err)), "for", e.Since.Round(time.Second).String())...)
	case triggers.Sighted:
		s.log.Info("the twins of a hub can be read again, and triggers see what has changed", append(about, "after", e.Since.Round(time.Second).String())...)
	}
}

// delivered is told what became of a request to a webhook. Strangers are the gate's business: it says of them what there is to
// say, and they could fill the log.
func (s *service) delivered(d server.Delivery) {
	s.metrics.Triggered("webhook", deliveryResult(d))
	if d.Err != nil && d.By != "" {
		s.log.Warn("a webhook began no run", "webhook", d.Hook, "workflow", d.Workflow, "by", d.By, "error", d.Err)
	}
}

func deliveryResult(d server.Delivery) string {
	var full *journal.FullError
	switch {
	case d.Refused:
		return metrics.Refused
	case errors.As(d.Err, &full):
		return metrics.Dropped
	case d.Err != nil:
		return metrics.Failed
	case d.Again:
		return metrics.Skipped
	case d.Queued:
		return metrics.Queued
	}
	return metrics.Fired
}
