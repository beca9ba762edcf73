package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/twinbook/twinbook/hub"
)

const (
	simulatorServer = "twinbook-simulator" // what the simulator calls itself in Server

	maxReceipt = 64 << 10
)

// errOtherCursor means that the simulator has not given the place to go on from: it was started anew.
var errOtherCursor = errors.New("the simulator was started anew, and its messages begin anew")

var errOnlyAMQP = errors.New("an Azure IoT Hub gives telemetry and takes messages over AMQP only, which twinbook does not speak; this works with the simulator")

var _ hub.Messages = (*Client)(nil)

// Send has a message queued for its device: one request, written once or not at all. It works with the
// simulator; the error of a real hub has kind Invalid.
func (c *Client) Send(ctx context.Context, m hub.Message) (id string, err error) {
	r := request{op: "send a message", target: m.Target, effect: once, verb: http.MethodPost, limit: c.timeout, maxBody: maxReceipt}
	if err := r.own("messages"); err != nil {
		return "", r.fail(hub.Invalid, false, err)
	}
	r.body = newSendRequest(m)
	a, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	var receipt struct {
		MessageID string `json:"messageId"`
	}
	if err := decode(a.body, &receipt); err != nil {
		return "", r.fail(r.garbled(), true, fmt.Errorf("the answer cannot be read: %w", err))
	}
	return receipt.MessageID, nil
}

// own makes the path of a call of our own.
func (r *request) own(name string) error {
	if r.target.Device == "" {
		return errors.New("no device is named")
	}
	r.ours = true
	r.path = "/twinbook/" + name + "/" + escape(r.target.Device)
	r.query = url.Values{}
	if r.target.Module != "" {
		r.query.Set("module", r.target.Module)
	}
	return nil
}

// lacksCall says whether an answer means that a server has none of our own calls, since it is no simulator.
func lacksCall(resp *http.Response) bool {
	if resp.Header.Get("Server") == simulatorServer {
		return false
	}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// A sendRequest has a text, or bytes that are none.
type sendRequest struct {
	ID         string            `json:"messageId,omitempty"`
	Body       *string           `json:"body,omitempty"`
	BodyBase64 []byte            `json:"bodyBase64,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Expiry     float64           `json:"expirySeconds,omitempty"`
}

func newSendRequest(m hub.Message) sendRequest {
	s := sendRequest{ID: m.ID, Properties: m.Properties, Expiry: m.Expiry.Seconds()}
	if utf8.Valid(m.Body) {
		text := string(m.Body)
		s.Body = &text
	} else {
		s.BodyBase64 = m.Body
	}
	return s
}
