package device

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/internal/clock"
)

// A device is what it knows of itself and its twin, and its connection.
type device struct {
	*Spec
	in *Running

	mu         sync.Mutex // guards what follows; never held while something waits or is sent
	link       *link      // nil: it is off, or on its way
	wanted     bool       // it wants to be connected
	connecting bool       // a party is at it
	greeted    bool       // it was connected once
	trials     int        // to connect, since a connection lasted

	online *clock.Promise[struct{}] // who waits for it to be connected; nil: nobody

	// reported and desired are as the hub has them, but for what is under way. The maps are shared
	// between devices and expressions, so they are replaced and never changed.
	reported, desired map[string]any
	version           int64 // of desired
	asked             uint64

	calls    []int  // by method, as the profile numbers them
	serving  int    // calls under way
	applying bool   // onDesired is being played
	again    bool   // and has to be once more
	inbox    *inbox // nil: no message is dealt with
	chance   *rand.Rand
}

// log writes a line of the device's log.
func (d *device) log(level, format string, args ...any) {
	if d.in.options.Log == nil {
		return
	}
	d.in.options.Log(LogLine{
		Time: d.in.clock.Now(), Device: d.ID, Level: level, Text: fmt.Sprintf(format, args...),
	})
}

// shown is JSON for the log, made only if somebody wants it.
type shown struct{ value any }

func (s shown) String() string { return expr.Show(s.value) }

// sees is what steps see that may change while they are played.
func (d *device) sees() map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return map[string]any{"reported": object(d.reported), "desired": object(d.desired)}
}

// self is what expressions see as device.
func (d *device) self() map[string]any { return map[string]any{"id": d.ID, "tags": object(d.Tags)} }

// object is never null, so that its members can be asked for.
func object(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// noise is chance from -1 to 1, the device's own.
func (d *device) noise() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random()*2 - 1
}

// random is chance from 0 to 1. The lock is held.
func (d *device) random() float64 {
	if d.chance == nil {
		d.chance = newChance(d.in.options.Seed, d.ID)
	}
	return d.chance.Float64()
}

// awaitOnline waits for the device to be connected.
func (d *device) awaitOnline(ctx context.Context) (*link, error) {
	for {
		d.mu.Lock()
		l, online := d.link, d.online
		if l == nil && online == nil {
			online = clock.NewPromise[struct{}](d.in.clock)
			d.online = online
		}
		d.mu.Unlock()
		if l != nil {
			return l, nil
		}
		if _, err := online.Await(ctx); err != nil {
			return nil, err
		}
	}
}
