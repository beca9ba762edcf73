package server

import (
	"context"
	"net/http"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
)

// callRequest is the body of POST /devices/{device}/methods/{method}.
type callRequest struct {
	Payload       any    `json:"payload"`
	Timeout       string `json:"timeout"`       // how long the device may take; 30s unless given
	DeliverWithin string `json:"deliverWithin"` // how long to wait for an offline device; not at all unless given
}

// Bounds of the times: Azure IoT Hub takes no others.
const (
	shortestCall = 5 * time.Second
	usualCall    = 30 * time.Second
	longestCall  = 300 * time.Second
)

// callMethod calls a direct method once. Whatever status the device answers, the answer is 200 with it.
func (s *Server) callMethod(c *call) error {
	var q callRequest
	if err := c.body(callBody, &q); err != nil {
		return err
	}
	response, err := span("timeout", q.Timeout, usualCall, shortestCall)
	if err != nil {
		return err
	}
	connect, err := span("deliverWithin", q.DeliverWithin, 0, 0)
	if err != nil {
		return err
	}
	h, target, err := s.device(c)
	if err != nil {
		return err
	}
	c.detail = shortened(c.PathValue("method"))
	ctx, cancel := context.WithTimeout(c.Context(), response+connect+10*time.Second)
	defer cancel()
	reply, err := h.Invoke(ctx, hub.Call{Target: target, Method: c.PathValue("method"), Payload: q.Payload, Response: response, Connect: connect})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		Status  int `json:"status"`
		Payload any `json:"payload"`
	}{reply.Status, reply.Payload})
}

// span reads a duration of a request.
func span(name, text string, otherwise, least time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	d, err := expr.ParseDuration(text)
	switch {
	case err != nil:
		return 0, invalid(FieldError{Pointer: pointer(name), Detail: err.Error()})
	case d < least || d > longestCall:
		return 0, invalid(FieldError{Pointer: pointer(name), Detail: "is from " + expr.FormatDuration(least) + " to " + expr.FormatDuration(longestCall)})
	}
	return d, nil
}
