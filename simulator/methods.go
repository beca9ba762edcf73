package simulator

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// What Azure documents for direct methods.
const (
	maxMethodBody   = 128 << 10 // bytes, of payload and of answer
	defaultResponse = 30 * time.Second
	minResponse     = 5 * time.Second
	maxResponse     = 300 * time.Second
	maxConnect      = 300 * time.Second
	maxMethodName   = 100 // bytes
)

// An invocation is one call of a method by the service.
type invocation struct {
	device   string
	method   string
	payload  []byte // JSON; empty is sent as null
	response time.Duration
	connect  time.Duration
}

// An answer is what became of an invocation.
type answer struct {
	status  int
	payload []byte // JSON, null for an empty answer
	err     error
}

// A receiver is given a value once. A clock.Promise is one, for who waits; a job has its own.
type receiver[T any] interface{ Resolve(T) bool }

// A call is an invocation that its device has, or is about to get, and has not answered.
type call struct {
	number  uint64
	method  string
	payload []byte // until the request is sent; then nil. Guarded by device.mu
	spoiled bool   // its answer is to be none; guarded by device.mu
	answer  receiver[answer]
	session *session
}

func (c *call) rid() string { return strconv.FormatUint(c.number, 16) }

// invoke calls a method and waits for the device's answer, the end of its connection, or the time
// that the invocation allows. Many may wait on one device.
func (h *Hub) invoke(ctx context.Context, v invocation) (answer, error) {
	d, err := h.device(v.device)
	if err != nil {
		return answer{}, err
	}
	if err := v.check(); err != nil {
		return answer{}, err
	}
	answered := clock.NewPromise[answer](h.clock)
	c, err := h.deliver(ctx, d, v, answered)
	if err != nil {
		return answer{}, err
	}
	stop := h.clock.After(v.response, func() { answered.Resolve(answer{err: h.late(d, c, v)}) })
	a, err := answered.Await(ctx)
	stop()
	if err == nil && a.err == nil {
		return a, nil
	}
	sent := h.forget(d, c)
	if err == nil {
		return answer{}, a.err
	}
	f := gaveUp(err)
	f.sent = sent
	return answer{}, f
}

func (v invocation) check() error {
	switch {
	case !validMethod(v.method):
		return argumentInvalid.fault("Method name '%s' is not valid", printable(v.method)).
			saying("%q cannot be a method's name: it has 1 to %d letters, digits and signs other than $ ( ) < > @ , ; : \\ \" / [ ] ? = { } and blanks", printable(v.method), maxMethodName)
	case v.response < minResponse || v.response > maxResponse:
		return argumentInvalid.fault("responseTimeoutInSeconds must be from 5 to 300").
			saying("the time for the answer must be from %s to %s, not %s", length(minResponse), length(maxResponse), length(v.response))
	case v.connect < 0 || v.connect > maxConnect:
		return argumentInvalid.fault("connectTimeoutInSeconds must be from 0 to 300").
			saying("the time to wait for an offline device must be from 0s to %s, not %s", length(maxConnect), length(v.connect))
	case len(v.payload) > maxMethodBody:
		return argumentInvalid.fault("The method payload has %d bytes, and %d are allowed", len(v.payload), maxMethodBody)
	}
	if len(v.payload) > 0 {
		if err := wire.CheckJSON(v.payload, wire.MaxMethodDepth); err != nil {
			return argumentInvalid.fault("The method payload is not valid: %v", err)
		}
	}
	return nil
}

func validMethod(name string) bool {
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`$()<>@,;:\"/[]?={}`, r) }
	return name != "" && len(name) <= maxMethodName && !strings.ContainsFunc(name, bad)
}

// deliver sends the request to the device, waiting as long as the invocation says for it to come
// online and subscribe to methods.
func (h *Hub) deliver(ctx context.Context, d *device, v invocation, to receiver[answer]) (*call, error) {
	until := h.clock.Now().Add(v.connect)
	for {
		var ready *clock.Promise[bool]
		c, err := h.begin(d, v, to, func() receiver[bool] {
			ready = clock.NewPromise[bool](h.clock)
			return ready
		})
		if ready == nil {
			return c, err
		}
		left := until.Sub(h.clock.Now())
		err = h.awaitReady(ctx, ready, left)
		h.stopWaiting(d, ready)
		switch {
		case err != nil:
			return nil, gaveUp(err)
		case left <= 0:
			return nil, v.offline()
		}
	}
}

// awaitReady waits for a device to take methods, or for the time to be over.
func (h *Hub) awaitReady(ctx context.Context, ready *clock.Promise[bool], left time.Duration) error {
	if left <= 0 {
		return nil
	}
	stop := h.clock.After(left, func() { ready.Resolve(false) })
	defer stop()
	_, err := ready.Await(ctx)
	return err
}

// begin sends the request if the device takes methods now; else both results are nil, and ready makes
// whom to tell when the device does. The answer may come before begin returns.
func (h *Hub) begin(d *device, v invocation, to receiver[answer], ready func() receiver[bool]) (c *call, err error) {
	h.edit(d, func() bool {
		if err = d.existsLocked(); err != nil {
			return false
		}
		s := d.session
		if s == nil || !d.feeds.Has(wire.MethodFeed) {
			d.waiting = append(d.waiting, ready())
			return false
		}
		d.called++
		c = &call{number: d.called, method: v.method, payload: v.payload, answer: to, session: s}
		if len(c.payload) == 0 {
			c.payload = []byte("null") // Node and Python parse what comes, whatever it is
		}
		if s.calls == nil {
			s.calls = map[string]*call{}
		}
		s.calls[c.rid()] = c
		s.queue = append(s.queue, c)
		s.handCalls()
		return false
	})
	return c, err
}

// handCalls sends the requests that wait, in turn, as far as the link takes them. The device's lock is held.
func (s *session) handCalls() {
	for len(s.queue) > 0 && s.link.room() {
		c := s.queue[0]
		s.queue[0], s.queue = nil, s.queue[1:]
		body := c.payload
		c.payload = nil
		s.link.send(wire.MethodRequest{RID: c.rid(), Method: c.method, Body: body})
	}
	if len(s.queue) == 0 {
		s.queue = nil
	}
}

// sent says whether the request has gone to the device, as far as the hub can know. The device's lock is held.
func (c *call) sent() bool { return c.payload == nil }

// wakeCallers lets those try again who wait for the device, if it takes methods now. Its lock is held.
func (d *device) wakeCallers() {
	if d.session == nil || !d.feeds.Has(wire.MethodFeed) {
		return
	}
	for _, ready := range d.waiting {
		ready.Resolve(true)
	}
	d.waiting = nil
}

func (h *Hub) stopWaiting(d *device, ready receiver[bool]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.DeleteFunc(d.waiting, func(r receiver[bool]) bool { return r == ready })
}

// gaveUp is the fault of a caller whose context ended.
func gaveUp(cause error) *fault {
	if errors.Is(cause, context.DeadlineExceeded) {
		return responseTimeout.fault("The caller's time was up").saying("the caller's time was up before the device answered")
	}
	return connectionClosed.fault("The caller went away").saying("the caller stopped waiting for the answer")
}
