package hub

import (
	"context"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// An Observer is told of each request to a hub when it is over: what was asked ("invoke twin updateTwin query send
// telemetry"), how long that took, and the error. It is called from many places at once, and must not wait.
type Observer func(operation string, took time.Duration, err error)

// Observed is a hub of which somebody counts the requests, also those of who waits for twins. It has what h has beside
// Hub, and nothing that h has not: those who ask it for that by a type assertion get the same answer.
func Observed(c clock.Clock, h Hub, told Observer) Hub {
	o := observed{Hub: h, clock: c, told: told}
	pusher, pushes := h.(Pusher)
	fleet, tellsAll := h.(FleetPusher)
	messages, talks := h.(Messages)
	m := observedMessages{messages, o}
	switch [3]bool{pushes, tellsAll, talks} {
	case [3]bool{true, true, true}:
		return struct {
			observed
			Pusher
			FleetPusher
			observedMessages
		}{o, pusher, fleet, m}
	case [3]bool{true, true, false}:
		return struct {
			observed
			Pusher
			FleetPusher
		}{o, pusher, fleet}
	case [3]bool{true, false, true}:
		return struct {
			observed
			Pusher
			observedMessages
		}{o, pusher, m}
	case [3]bool{true, false, false}:
		return struct {
			observed
			Pusher
		}{o, pusher}
	case [3]bool{false, true, true}:
		return struct {
			observed
			FleetPusher
			observedMessages
		}{o, fleet, m}
	case [3]bool{false, true, false}:
		return struct {
			observed
			FleetPusher
		}{o, fleet}
	case [3]bool{false, false, true}:
		return struct {
			observed
			observedMessages
		}{o, m}
	}
	return o
}

type observed struct {
	Hub
	clock clock.Clock
	told  Observer
}

// over tells of a request that began at a time.
func (o observed) over(operation string, began time.Time, err error) {
	o.told(operation, o.clock.Now().Sub(began), err)
}

func (o observed) Invoke(ctx context.Context, c Call) (Reply, error) {
	began := o.clock.Now()
	reply, err := o.Hub.Invoke(ctx, c)
	o.over("invoke", began, err)
	return reply, err
}

func (o observed) Twin(ctx context.Context, t Target) (Twin, error) {
	began := o.clock.Now()
	twin, err := o.Hub.Twin(ctx, t)
	o.over("twin", began, err)
	return twin, err
}

func (o observed) UpdateTwin(ctx context.Context, t Target, p Patch) (Twin, error) {
	began := o.clock.Now()
	twin, err := o.Hub.UpdateTwin(ctx, t, p)
	o.over("updateTwin", began, err)
	return twin, err
}

func (o observed) Query(ctx context.Context, q Query) (Page, error) {
	began := o.clock.Now()
	page, err := o.Hub.Query(ctx, q)
	o.over("query", began, err)
	return page, err
}

// observedMessages are the Messages of a hub that is observed.
type observedMessages struct {
	inner Messages
	by    observed
}

func (m observedMessages) Send(ctx context.Context, message Message) (string, error) {
	began := m.by.clock.Now()
	id, err := m.inner.Send(ctx, message)
	m.by.over("send", began, err)
	return id, err
}

func (m observedMessages) Telemetry(ctx context.Context, q TelemetryQuery) (TelemetryPage, error) {
	began := m.by.clock.Now()
	page, err := m.inner.Telemetry(ctx, q)
	m.by.over("telemetry", began, err)
	return page, err
}
