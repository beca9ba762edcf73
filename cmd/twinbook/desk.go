package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/simulator/state"
	"github.com/twinbook/twinbook/simulator/wire"
)

// readyWithin is how long the devices of a simulator may take to connect.
const readyWithin = 60 * time.Second

// deskOptions say how a simulator is reached; the zero value is for runs in the same process.
type deskOptions struct {
	rest, mqtt []net.Listener // none: not from outside
	clientCAs  *x509.CertPool // have signed certificates of devices; nil: none
	hosts      []string       // its names, the one in connection strings first; none: localhost
	seed       string         // of all keys; empty: random ones
	own        []string       // devices that are not simulated
	superset   bool           // in queries, what Azure knows in message routes only
	log        func(device.LogLine)
	troubles   troubles

	state       *state.Store // what is kept; nil: nothing
	ownKeys     bool         // the keys are those that are kept, whatever the seed
	stateFailed func(error)  // it cannot be written any more
}

// A desk is a simulated hub in this process, and its devices.
type desk struct {
	hub       *simulator.Hub
	fleet     *device.Fleet // all that the hub knows
	simulated int           // how many of them are simulated

	cancel context.CancelFunc
	parts  sync.WaitGroup
}

// startDesk starts a simulator file: the hub first, then its devices; it returns when all of them are
// connected. The desk outlives ctx, since a run that is interrupted still has its finally to do: stop ends it.
func (a *app) startDesk(ctx context.Context, c clock.Clock, file string, o deskOptions) (*desk, error) {
	source, err := readSource(file)
	if err != nil {
		return nil, err
	}
	fleet, problems := device.Load(file, source)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	d := &desk{fleet: fleet}
	config := simulator.Config{Clock: c, Seed: o.seed, Aliases: o.hosts, ClientCAs: o.clientCAs, State: o.state, StateFailed: o.stateFailed,
		Profile: fleet.InProfile, FaultSeed: o.seed, Tier: o.troubles.tier, Units: o.troubles.units, Superset: o.superset}
	if o.ownKeys {
		config.Seed = ""
	}
	if len(o.hosts) > 0 {
		config.HostName = o.hosts[0]
	}
	if d.hub, err = simulator.New(config); err != nil {
		return nil, err
	}
	if err := d.addDevices(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err = d.start(ctx, c, o); err == nil {
		err = d.addFaults(o.troubles.faults)
	}
	if err != nil {
		d.stop()
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

func (d *desk) start(ctx context.Context, c clock.Clock, o deskOptions) error {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	dial, err := d.dial(c, &o)
	if err != nil {
		return err
	}
	for _, l := range o.mqtt {
		d.parts.Go(func() { d.hub.ServeMQTT(lasting, l) })
	}
	for _, l := range o.rest {
		d.parts.Go(func() { d.hub.ServeREST(lasting, l) })
	}
	simulated, err := without(d.fleet, o.own)
	if err != nil {
		return err
	}
	if simulated, err = d.letIn(ctx, c, simulated, o); err != nil {
		return err
	}
	d.simulated = len(simulated.Devices)
	devices, err := device.Start(lasting, simulated, device.Options{Clock: c, Dial: dial, Seed: o.seed, Log: o.log})
	if err != nil {
		return err
	}
	d.parts.Go(func() { devices.Wait(context.Background()) })
	ready, stop := c.WithTimeout(ctx, readyWithin)
	defer stop()
	err = devices.Ready(ready)
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w (after %s)", err, readyWithin)
	}
	return err
}

// without is a fleet that lacks some devices.
func without(fleet *device.Fleet, ids []string) (*device.Fleet, error) {
	if len(ids) == 0 {
		return fleet, nil
	}
	rest := *fleet
	rest.Devices = nil
	known := map[string]bool{}
	for _, spec := range fleet.Devices {
		if known[spec.ID] = true; !slices.Contains(ids, spec.ID) {
			rest.Devices = append(rest.Devices, spec)
		}
	}
	for _, id := range ids {
		if !known[id] {
			return nil, fmt.Errorf("--own takes a device of the file, and there is no device %q in it; add it there, or leave --own out and make the device over REST", id)
		}
	}
	return &rest, nil
}

// dial is how the simulated devices reach the hub: by a socket of this machine that is for them alone, or
// without one.
func (d *desk) dial(c clock.Clock, o *deskOptions) (wire.Dial, error) {
	if d.fleet.Transport == device.Attached {
		return d.hub.AttachDevice, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o.mqtt = append(o.mqtt, l)
	return device.DialMQTT(c, l.Addr().String(), d.hub.DeviceConnectionString), nil
}

// stop ends the devices and the hub, and waits for them.
func (d *desk) stop() {
	if d.cancel != nil {
		d.cancel()
	}
	d.parts.Wait()
}
