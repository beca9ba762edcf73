package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

const (
	// maxTelemetry bounds a page's answer. The simulator's end at 4 MiB of messages, and a byte of text may take
	// six in JSON.
	maxTelemetry = 32 << 20

	longPoll  = 20 * time.Second
	pollPause = 100 * time.Millisecond // after an answer without messages: nobody is flooded who does not wait
	crowded   = time.Second            // the same where too many wait
)

// Telemetry gives the messages that the hub still has, and waits until there is one. It works with the
// simulator; the error of a real hub has kind Invalid.
//
// A wait holds a connection. Those beyond half of the connections ask each second instead, so that other
// requests find one.
func (c *Client) Telemetry(ctx context.Context, q hub.TelemetryQuery) (hub.TelemetryPage, error) {
	r := request{op: "read telemetry", target: q.Target, effect: read, verb: http.MethodGet, maxBody: maxTelemetry}
	if err := r.own("telemetry"); err != nil {
		return hub.TelemetryPage{}, r.fail(hub.Invalid, false, err)
	}
	defer c.polls.Add(-1)
	waiting := c.polls.Add(1)
	lost := 0
	for {
		wait, pause := longPoll, pollPause
		if waiting > c.maxPolls {
			wait, pause = 0, crowded
		}
		page, err := c.page(ctx, r, q, wait)
		if errors.Is(err, errOtherCursor) && q.After != "" {
			q.After = "" // the simulator was started anew, and its messages began anew
			continue
		}
		lost += page.Lost
		page.Lost = lost
		if err != nil || len(page.Messages) > 0 {
			return page, err
		}
		q.After = page.Next
		if err := clock.Sleep(ctx, c.clock, pause); err != nil {
			return hub.TelemetryPage{}, r.ended(err, true)
		}
	}
}

// page asks once. The hub answers as soon as there is a message, or without any when it has waited.
func (c *Client) page(ctx context.Context, r request, q hub.TelemetryQuery, wait time.Duration) (hub.TelemetryPage, error) {
	r.limit = wait + c.timeout
	r.query.Set("wait", strconv.Itoa(seconds(wait)))
	r.query.Del("after")
	r.query.Del("since")
	switch {
	case q.After != "":
		r.query.Set("after", q.After)
	case !q.Since.IsZero():
		r.query.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return hub.TelemetryPage{}, err
	}
	var d telemetryDocument
	if err = decode(a.body, &d); err == nil {
		var page hub.TelemetryPage
		if page, err = d.page(); err == nil {
			return page, nil
		}
	}
	return hub.TelemetryPage{}, r.fail(r.garbled(), false, fmt.Errorf("the answer cannot be read: %w", err))
}

// A telemetryDocument is a page as the simulator gives it. A message has a text, or bytes that are none.
type telemetryDocument struct {
	Messages []struct {
		DeviceID   string             `json:"deviceId"`
		ModuleID   string             `json:"moduleId"`
		Enqueued   time.Time          `json:"enqueuedTime"`
		Body       string             `json:"body"`
		BodyBase64 []byte             `json:"bodyBase64"`
		Properties map[string]*string `json:"properties"` // nil: a key without a value
		System     map[string]string  `json:"systemProperties"`
	} `json:"messages"`
	Next string `json:"next"`
	Lost int    `json:"lost"`
}

func (d telemetryDocument) page() (hub.TelemetryPage, error) {
	if d.Next == "" {
		return hub.TelemetryPage{}, errors.New("it does not say where to go on")
	}
	page := hub.TelemetryPage{Next: d.Next, Lost: max(d.Lost, 0), Messages: make([]hub.Telemetry, len(d.Messages))}
	for i, m := range d.Messages {
		body := m.BodyBase64
		if body == nil {
			body = []byte(m.Body)
		}
		page.Messages[i] = hub.Telemetry{
			Target: hub.Target{Device: m.DeviceID, Module: m.ModuleID}, Time: m.Enqueued.UTC(),
			Body: body, Properties: present(m.Properties), System: m.System,
		}
	}
	return page, nil
}

// present are the properties that have a value; nil where there are none at all.
func present(all map[string]*string) map[string]string {
	if all == nil {
		return nil
	}
	with := make(map[string]string, len(all))
	for key, value := range all {
		if value != nil {
			with[key] = *value
		}
	}
	return with
}
