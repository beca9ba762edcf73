package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/twinbook/twinbook/hub"
)

const (
	maxReply = 1 << 20 // bytes; Azure allows 128 KB of payload

	minResponse     = 5 * time.Second // what Azure accepts
	maxResponse     = 300 * time.Second
	defaultResponse = 30 * time.Second
	maxConnect      = 300 * time.Second

	// verdictSlack is what a call has beyond its own timeouts: the hub's 504 is worth more than a
	// hang-up of ours. (Azure's Java SDK once gave up before the hub did: azure-iot-sdk-java#1791.)
	verdictSlack = 15 * time.Second
)

// Invoke calls a direct method: one request, written once or not at all.
//
// Azure waits at least 5s for a device's answer; for less, end ctx earlier.
func (c *Client) Invoke(ctx context.Context, call hub.Call) (hub.Reply, error) {
	r := request{op: "call " + call.Method, target: call.Target, effect: once, verb: http.MethodPost, maxBody: maxReply}
	path, err := twinPath(call.Target)
	if err == nil {
		err = checkCall(call)
	}
	if err != nil {
		return hub.Reply{}, r.fail(hub.Invalid, false, err)
	}
	response := call.Response
	if response == 0 {
		response = defaultResponse
	}
	response = max(response, minResponse)
	r.path = path + "/methods"
	r.limit = response + call.Connect + verdictSlack
	r.body = methodRequest{call.Method, call.Payload, seconds(response), seconds(call.Connect)}
	a, err := c.do(ctx, r)
	if err != nil {
		return hub.Reply{}, err
	}
	reply, err := readReply(a.body)
	if err != nil {
		return hub.Reply{}, r.fail(r.garbled(), true, err)
	}
	return reply, nil
}

type methodRequest struct {
	Method          string `json:"methodName"`
	Payload         any    `json:"payload"`
	ResponseTimeout int    `json:"responseTimeoutInSeconds"`
	ConnectTimeout  int    `json:"connectTimeoutInSeconds"`
}

func checkCall(c hub.Call) error {
	switch {
	case c.Method == "":
		return errors.New("no method is named")
	case c.Response < 0 || c.Response > maxResponse:
		return fmt.Errorf("a device may take 5s to 300s for its answer, not %s", c.Response)
	case c.Connect < 0 || c.Connect > maxConnect:
		return fmt.Errorf("the hub waits at most 300s for a device to connect, not %s", c.Connect)
	}
	return nil
}

// seconds rounds up: a device never gets less time than was asked for.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func readReply(body []byte) (hub.Reply, error) {
	var reply struct {
		Status  *int `json:"status"`
		Payload any  `json:"payload"`
	}
	if err := decode(body, &reply); err != nil {
		return hub.Reply{}, fmt.Errorf("the answer cannot be read: %w", err)
	}
	if reply.Status == nil {
		return hub.Reply{}, errors.New("the answer has no status")
	}
	return hub.Reply{Status: *reply.Status, Payload: reply.Payload}, nil
}
