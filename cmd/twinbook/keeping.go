package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/simulator/state"
)

// openState opens the folder of --state; there is none without the flag.
func (a *app) openState(dir string) (*state.Store, error) {
	if dir == "" {
		return nil, nil
	}
	s, err := state.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("--state: %v", err) // not wrapped: for files, explain shows no more than their own error
	}
	if n := s.Torn(); n > 0 {
		fmt.Fprintf(a.err, "state folder %s: the last %s had been cut off while they were written, and are dropped\n", dir, counted(int(n), "byte"))
	}
	return s, nil
}

// closeState tells what the disk has against it, unless that is what ends the simulator and so is told anyway.
func (a *app) closeState(s *state.Store, ending error) {
	if s == nil {
		return
	}
	if err := s.Close(); err != nil && !errors.Is(ending, err) {
		fmt.Fprintf(a.err, "--state: %v\n", err)
	}
}

// addDevices makes the devices of the file that the hub does not have from the last time.
func (d *desk) addDevices() error {
	kept := map[string]bool{}
	for _, id := range d.hub.Devices() {
		kept[id] = true
	}
	for rest := d.fleet.Devices; len(rest) > 0; {
		entry := rest[0]
		var missing []string
		for ; len(rest) > 0 && rest[0].Entry == entry.Entry; rest = rest[1:] {
			if !kept[rest[0].ID] {
				missing = append(missing, rest[0].ID)
			}
		}
		if err := d.hub.AddDevices(simulator.Device{Tags: entry.Tags, Desired: entry.Desired}, missing); err != nil {
			return err
		}
	}
	return nil
}

// lockedOut are the devices that the hub will not let in, as somebody changed their identity the last time: they
// cannot be waited for.
func (d *desk) lockedOut(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	q := hub.Query{Text: "SELECT deviceId FROM devices WHERE status = 'disabled'", PageSize: 1000}
	if d.fleet.Transport != device.Attached {
		q.Text += " OR authenticationType != 'sas'" // they connect with keys
	}
	for {
		page, err := d.hub.Client().Query(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, row := range page.Rows {
			if id, ok := row["deviceId"].(string); ok {
				out[id] = true
			}
		}
		if q.Continuation = page.Continuation; q.Continuation == "" {
			return out, nil
		}
	}
}

// letIn is a fleet without the devices that are locked out, of which the log tells.
func (d *desk) letIn(ctx context.Context, c clock.Clock, fleet *device.Fleet, o deskOptions) (*device.Fleet, error) {
	if o.state == nil {
		return fleet, nil
	}
	out, err := d.lockedOut(ctx)
	if err != nil || len(out) == 0 {
		return fleet, err
	}
	rest := *fleet
	rest.Devices = nil
	for _, spec := range fleet.Devices {
		if !out[spec.ID] {
			rest.Devices = append(rest.Devices, spec)
		} else if o.log != nil {
			o.log(device.LogLine{Time: c.Now(), Device: spec.ID, Level: "warn", Text: "the hub does not let it in, as its identity was changed; it is not simulated before the next start"})
		}
	}
	return &rest, nil
}
