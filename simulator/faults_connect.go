package simulator

import (
	"context"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/internal/clock"
	faults "github.com/twinbook/twinbook/simulator/fault"
	"github.com/twinbook/twinbook/simulator/wire"
)

// knock lets a device that connects wait for its turn, or refuses it. The verdict is for afflict, when its connection is open.
func (h *Hub) knock(ctx context.Context, s *session) (faults.Verdict, *refused) {
	if !h.troubled() {
		return faults.Verdict{}, nil
	}
	v := h.verdict(faults.Occasion{On: faults.Connects, Device: s.device.id})
	switch v.Refuse {
	case faults.Unavailable:
		return v, &refused{packets.ErrRefusedServerUnavailable, unavailable.fault("Service unavailable").saying("%v", struck("refuses the connection", v.By))}
	case faults.Unauthorized:
		return v, &refused{packets.ErrRefusedNotAuthorised, unauthorized.fault("Unauthorized").saying("%v", struck("refuses the connection", v.By))}
	}
	wait, err := h.spend(connects, 1)
	if err == nil && wait+v.Delay > 0 {
		err = clock.Sleep(ctx, h.clock, wait+v.Delay)
	}
	if err != nil {
		return v, &refused{packets.ErrRefusedServerUnavailable, err}
	}
	return v, nil
}

// resume is what a device still hears when it comes back: what it did before, if its session is present. Its lock is held.
func (h *Hub) resume(d *device, present bool) wire.Feeds {
	switch {
	case !present:
		return 0
	case h.troubled() && h.verdict(faults.Occasion{On: faults.Resumed, Device: d.id}).Lose:
		return d.feeds &^ wire.MethodFeed
	}
	return d.feeds
}

// attend is what comes before a call of a service is served: faults, then the quota. Device is empty if the
// call is about none.
func (h *Hub) attend(ctx context.Context, device string, q quota, n int) error {
	if !h.troubled() {
		return nil
	}
	v := h.verdict(faults.Occasion{On: faults.REST, Device: device})
	switch {
	case v.Refuse == faults.Unauthorized:
		return unauthorized.fault("Unauthorized").saying("%v", struck("refuses the call", v.By))
	case v.Refuse == faults.Unavailable:
		return unavailable.fault("Service unavailable").saying("%v", struck("refuses the call", v.By))
	case v.RetryAfter > 0:
		return tooMany(v.RetryAfter)
	}
	wait, err := h.spend(q, n)
	if err != nil || wait+v.Delay == 0 {
		return err
	}
	if err := clock.Sleep(ctx, h.clock, wait+v.Delay); err != nil {
		return gaveUp(err)
	}
	return nil
}
