package steps

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
)

var waitForTelemetry = engine.Define(engine.Spec{
	Name:    "waitForTelemetry",
	Summary: "wait for messages that a device sends",
	Doc: "Takes the messages that the hub has received since the step before began, and those that come, until `count` of them meet `where`. " +
		"Steps that take no time, such as `log`, and skipped ones do not count as the step before. The first step of a block, a branch or an item looks back as far as the block or loop itself, the first of a workflow to the start of the run. " +
		"In a `repeat` each further iteration goes on where the one before has stopped. Of two such steps in a row the second one may find the same messages again; to go on behind them, give it the `next` of the first as `since`. " +
		"A member that is missing in `where` means: not this message. " +
		"It needs a `timeout` of its own, of a step around it or of the workflow. It works with simulated hubs: Azure IoT Hub gives telemetry over AMQP only, which twinbook does not speak.",
	Example: `
- invokeMethod: { method: measure }
- id: hot
  waitForTelemetry:
    where: message.body.temperature > 80 and message.properties.level == "alarm"
  timeout: 1m
- log: ${{ steps.hot.messages[0].body.temperature }} degrees
- waitForTelemetry: { count: 3, since: "${{ steps.hot.next }}" }
  timeout: 5m`,
	Delivery:  engine.Read,
	MustBound: true,
}, runWaitForTelemetry)

type waitForTelemetryParams struct {
	Module string      `yaml:"module" doc:"The device's module whose messages to take instead of its own."`
	Where  *expr.Bound `yaml:"where" sees:"message" doc:"What a message must meet; without it any will do."`
	Count  int         `yaml:"count" default:"1" min:"1" max:"1000" doc:"How many messages to wait for."`
	Since  time.Time   `yaml:"since" default:"the start of the step before" doc:"Messages that the hub received earlier are not looked at."`
}

type waitForTelemetryResult struct {
	Messages []any  `json:"messages" type:"messages" doc:"The messages, oldest first: deviceId, moduleId, time (when the hub received it), body, bodyType, properties, system (messageId, contentType and so on). body is JSON where it is JSON, else text, else base64, and bodyType is json, text or base64."`
	Lost     int    `json:"lost" doc:"Messages of the device that the hub had forgotten before they could be looked at; the least it can be."`
	Next     string `json:"next" doc:"The time at which to go on behind these messages, for since of another step."`
}

// mostBytes is what the messages of a step may have, all together: a run keeps no more.
const mostBytes = 1 << 20

func runWaitForTelemetry(ctx context.Context, env Env, p waitForTelemetryParams) (waitForTelemetryResult, error) {
	messages, err := env.messages()
	if err != nil {
		return waitForTelemetryResult{}, err
	}
	l := listener{env: env, params: p}
	env.Waiting("no message yet")
	err = hub.Listen(ctx, env.Clock, messages, hub.TelemetryQuery{Target: env.target(p.Module), Since: p.Since}, l.take)
	if err != nil {
		return waitForTelemetryResult{}, stillWaiting(err, l.sees("no message came"))
	}
	return waitForTelemetryResult{Messages: l.found, Lost: l.lost, Next: l.next.UTC().Format(time.RFC3339Nano)}, nil
}

// A listener is what a step knows of the messages it has looked at.
type listener struct {
	env    Env
	params waitForTelemetryParams

	found []any
	bytes int // of what is found
	next  time.Time
	lost  int
	unmet int    // messages that do not meet the condition
	last  string // why the last of them does not
}

// take looks at messages until there are enough.
func (l *listener) take(page hub.TelemetryPage) (enough bool, err error) {
	l.lost += page.Lost
	unmet := map[string]any(nil)
	for _, m := range page.Messages {
		l.next = behind(m)
		object := messageJSON(m)
		names := map[string]any{"message": l.env.Mask.Value(object)}
		met, err := l.meets(names)
		if err != nil {
			return false, err
		}
		if !met {
			l.unmet++
			unmet = names
			continue
		}
		if l.bytes += size(m); l.bytes > mostBytes {
			return false, tooMuch(len(l.found) + 1)
		}
		if l.found = append(l.found, object); len(l.found) == l.params.Count {
			return true, nil
		}
	}
	if unmet != nil {
		l.last = l.why(unmet)
	}
	l.env.Waiting(l.sees("no message yet"))
	return false, nil
}

func (l *listener) meets(names map[string]any) (bool, error) {
	if l.params.Where == nil {
		return true, nil
	}
	return isMet(l.params.Where, "where", l.env.Clock.Now(), names)
}

// size is about what a message has as JSON.
func size(m hub.Telemetry) int {
	n := len(m.Body)
	for _, texts := range []map[string]string{m.Properties, m.System} {
		for name, text := range texts {
			n += len(name) + len(text)
		}
	}
	return n
}

func tooMuch(messages int) error {
	return &engine.Error{Kind: engine.KindInvalid, Message: fmt.Sprintf(
		"%d messages have more than 1 MiB, which is the most that a run keeps; wait for fewer with count, or for smaller ones with where", messages)}
}

// why says what the condition found in a message that does not meet it.
func (l *listener) why(names map[string]any) string {
	return describe(l.params.Where, l.env.Clock.Now(), names, "message", "is")
}

// sees says how far it is; nothing is what to say where no message has been seen.
func (l *listener) sees(nothing string) string {
	var texts []string
	switch {
	case len(l.found) > 0:
		texts = append(texts, fmt.Sprintf("%d of %d messages so far", len(l.found), l.params.Count))
	case l.unmet == 0:
		texts = append(texts, nothing)
	}
	switch {
	case l.unmet == 1:
		texts = append(texts, "one message does not meet the condition: "+l.last)
	case l.unmet > 1:
		texts = append(texts, fmt.Sprintf("%d messages do not meet the condition, the last: %s", l.unmet, l.last))
	}
	if l.lost > 0 {
		texts = append(texts, fmt.Sprintf("the hub had forgotten at least %d before they could be looked at", l.lost))
	}
	return strings.Join(texts, "; ")
}
