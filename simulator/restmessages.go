package simulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinbook/twinbook/simulator/wire"
)

const maxTelemetryWait = 60 * time.Second

// messageRoutes are Azure's call that purges, and calls of our own, since the real hub takes and gives
// messages over AMQP only.
var messageRoutes = []route{
	{method: "DELETE", path: "devices/*/commands", need: serviceConnect, serve: (*request).purge},
	{method: "POST", path: "twinbook/messages/*", need: serviceConnect, serve: (*request).sendMessage},
	{method: "GET", path: "twinbook/telemetry/*", need: serviceConnect, serve: (*request).deviceTelemetry},
	{method: "GET", path: "twinbook/telemetry", need: serviceConnect, serve: (*request).hubTelemetry},
}

type purgeReply struct {
	Purged   int     `json:"totalMessagesPurged"`
	DeviceID string  `json:"deviceId"`
	ModuleID *string `json:"moduleId"`
}

func (r *request) purge() (reply, error) {
	id, err := r.target()
	if err != nil {
		return reply{}, err
	}
	purged, err := r.hub.purge(id)
	return reply{body: purgeReply{Purged: purged, DeviceID: id}}, err
}

// messageBody is a message for a device. Body is text; bytes that are none go into BodyBase64.
type messageBody struct {
	ID          string            `json:"messageId"`
	Correlation string            `json:"correlationId"`
	Body        *string           `json:"body"`
	BodyBase64  *string           `json:"bodyBase64"`
	Properties  map[string]string `json:"properties"`
	Expiry      *float64          `json:"expirySeconds"`
}

func (r *request) sendMessage() (reply, error) {
	if err := r.onlyQuery("module"); err != nil {
		return reply{}, err
	}
	text, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	b, err := parseMessage(text)
	if err != nil {
		return reply{}, err
	}
	bytes, err := b.bytes()
	if err != nil {
		return reply{}, err
	}
	if b.Expiry != nil && *b.Expiry <= 0 {
		return reply{}, argumentInvalid.fault("expirySeconds must be more than 0")
	}
	device, err := r.addressee()
	if err != nil {
		return reply{}, err
	}
	id, err := r.hub.sendMessage(outgoing{
		device: device, id: b.ID, correlation: b.Correlation, properties: b.Properties,
		body: bytes, expiry: seconds(b.Expiry, 0),
	})
	return reply{body: map[string]string{"messageId": id}}, err
}

// parseMessage refuses members that there are not: a message without its body would go to the device.
func parseMessage(text []byte) (messageBody, error) {
	var b messageBody
	if err := decodeBody(text, wire.MaxDepth, "a message", &b); err != nil {
		var members struct {
			Body json.RawMessage `json:"body"`
		}
		if json.Unmarshal(text, &members) == nil && len(members.Body) > 0 && members.Body[0] != '"' && string(members.Body) != "null" {
			return b, argumentInvalid.fault(`body must be text, JSON goes in as text: {"body": "{\"on\": true}"}`)
		}
		return b, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return b, argumentInvalid.fault(`A message is an object such as {"body": "on"}`)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(messageMembers, name) {
			return b, argumentInvalid.fault("A message has no member %s, it may have %s", printable(name), strings.Join(messageMembers, ", "))
		}
	}
	return b, nil
}

var messageMembers = []string{"body", "bodyBase64", "properties", "messageId", "correlationId", "expirySeconds"}

func (b messageBody) bytes() ([]byte, error) {
	switch {
	case b.Body != nil && b.BodyBase64 != nil:
		return nil, argumentInvalid.fault("A message has body or bodyBase64, not both")
	case b.BodyBase64 != nil:
		bytes, err := base64.StdEncoding.DecodeString(*b.BodyBase64)
		if err != nil {
			return nil, argumentInvalid.fault("bodyBase64 is not base64")
		}
		return bytes, nil
	case b.Body != nil:
		return []byte(*b.Body), nil
	}
	return nil, nil
}

// addressee is the device, or its module, that a call of our own is about.
func (r *request) addressee() (id string, err error) {
	return registryID(r.path[2], r.URL.Query().Get("module"))
}

// telemetryDoc is a message of a device. Body is the text that was sent; bytes that are no UTF-8
// stand in BodyBase64.
type telemetryDoc struct {
	DeviceID   string             `json:"deviceId"`
	ModuleID   string             `json:"moduleId,omitempty"`
	Enqueued   string             `json:"enqueuedTime"`
	Body       *string            `json:"body,omitempty"`
	BodyBase64 []byte             `json:"bodyBase64,omitempty"`
	Properties map[string]*string `json:"properties"` // nil: the key stood without a value
	System     map[string]string  `json:"systemProperties"`
}

func newTelemetryDoc(r *record) telemetryDoc {
	m := r.message()
	doc := telemetryDoc{
		DeviceID: m.Device, ModuleID: m.Module, Enqueued: timeText(m.Time), Properties: map[string]*string{}, System: m.System,
	}
	for _, key := range r.nulls() {
		doc.Properties[key] = nil
	}
	for key, value := range m.Properties {
		doc.Properties[key] = &value
	}
	if utf8.Valid(m.Body) {
		text := string(m.Body)
		doc.Body = &text
	} else {
		doc.BodyBase64 = m.Body
	}
	return doc
}

type telemetryReply struct {
	Messages []telemetryDoc `json:"messages"`
	Next     string         `json:"next"`
	Lost     uint64         `json:"lost"`
}

func (r *request) deviceTelemetry() (reply, error) {
	if err := r.onlyQuery("module", "since", "after", "wait", "follow"); err != nil {
		return reply{}, err
	}
	id, err := r.addressee()
	if err != nil {
		return reply{}, err
	}
	d, err := r.hub.device(id)
	if err != nil {
		return reply{}, err
	}
	return r.telemetry(d)
}

func (r *request) hubTelemetry() (reply, error) {
	if err := r.onlyQuery("since", "after", "wait", "follow"); err != nil {
		return reply{}, err
	}
	return r.telemetry(nil)
}

// telemetry answers with what is there; if that is nothing, it waits as long as was asked for.
func (r *request) telemetry(d *device) (reply, error) {
	q := r.URL.Query()
	since, err := parseSince(q.Get("since"))
	if err != nil {
		return reply{}, err
	}
	wait, err := parseWait(q.Get("wait"))
	if err != nil {
		return reply{}, err
	}
	follow, err := parseFollow(q.Get("follow"))
	if err != nil {
		return reply{}, err
	}
	in, err := r.hub.newReading(d, since, q.Get("after"))
	if err != nil {
		return reply{}, err
	}
	if follow {
		return reply{body: stream(func(w http.ResponseWriter) { r.hub.follow(r.Context(), w, in) })}, nil
	}
	ctx, cancel := r.hub.clock.WithTimeout(r.Context(), wait)
	defer cancel()
	page, _ := r.hub.readTelemetry(ctx, in) // the end of the time is an empty page
	return reply{body: page.doc()}, d.exists()
}

func (p telemetryPage) doc() telemetryReply {
	doc := telemetryReply{Messages: make([]telemetryDoc, len(p.records)), Next: p.next, Lost: p.lost}
	for i, r := range p.records {
		doc.Messages[i] = newTelemetryDoc(&r)
	}
	return doc
}

// follow writes a message a line, until the client leaves.
func (h *Hub) follow(ctx context.Context, w http.ResponseWriter, in reading) {
	w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
	lines := http.NewResponseController(w)
	for lines.Flush() == nil {
		page, err := h.readTelemetry(ctx, in)
		if err != nil {
			return
		}
		for _, r := range page.records {
			if _, err := w.Write(append(encodeJSON(newTelemetryDoc(&r)), '\n')); err != nil {
				return
			}
		}
		in = in.after(page)
	}
}

func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, argumentInvalid.fault("since must be a time such as 2026-01-31T08:00:00Z")
	}
	return t, nil
}

func parseFollow(text string) (bool, error) {
	switch text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, argumentInvalid.fault("follow must be true or false, not %s", printable(text))
}

func parseWait(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= maxTelemetryWait.Seconds()) {
		return 0, argumentInvalid.fault("wait must be from 0 to %v seconds", maxTelemetryWait.Seconds())
	}
	return time.Duration(n * float64(time.Second)), nil
}
