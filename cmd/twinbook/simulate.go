package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
)

// simulateFlags are the flags of `simulate`.
type simulateFlags struct {
	doors        doorFlags
	faults       faultFlags
	seed, output string
	seeded       bool     // the seed was given
	own          []string // devices that somebody else is
	superset     bool     // in queries
	verbose      bool
}

func (a *app) simulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate FILE",
		Short: "Run a simulated hub and its devices until interrupted",
		Long: "Runs the hub and the devices of a simulator file until it is interrupted. Services and devices reach it\n" +
			"as they reach Azure IoT Hub: REST and MQTT over WebSocket on one port, MQTT on another, both with TLS and a\n" +
			"certificate of the simulator's own CA, which is made once and which clients have to trust.\n\n" +
			"With --http or --mqtt it can be reached without TLS, from this machine only; then just the addresses that\n" +
			"are named are served. Keys are the same each time unless --seed says otherwise.\n\n" +
			"With --state DIR the hub begins where the last one ended: with its devices, twins, sessions and waiting\n" +
			"messages, and with keys of its own. What was answered is kept even if the simulator is killed.",
		Args: exactly("one simulator FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("state") && f.doors.state == "" {
				return errors.New("--state is given an empty name, so nothing would be kept (is a variable not set?); name a folder, or leave it out")
			}
			f.seeded = c.Flags().Changed("seed")
			return a.simulate(c.Context(), args[0], f)
		},
	}
	c.Flags().StringVar(&f.doors.https, "https", "", "address for REST and MQTT over WebSocket, or off (default "+defaultHTTPS+"; port 0 picks one)")
	c.Flags().StringVar(&f.doors.mqtts, "mqtts", "", "address for MQTT over TLS, or off (default "+defaultMQTTS+")")
	c.Flags().StringVar(&f.doors.http, "http", "", "address for REST and MQTT over WebSocket without TLS")
	c.Flags().StringVar(&f.doors.mqtt, "mqtt", "", "address for MQTT without TLS")
	c.Flags().StringArrayVar(&f.doors.hosts, "host", nil, "a name or IP address by which clients reach it, for the certificate; the first is that in connection strings; may be repeated (default localhost)")
	c.Flags().StringVar(&f.doors.state, "state", "", "folder for what is kept: the hub's state and the CA (default: the CA alone, in the user's configuration folder)")
	c.Flags().StringArrayVar(&f.doors.clientCAs, "client-ca", nil, "a file of CAs, in PEM, that may have signed the certificates of devices, beside the simulator's own; may be repeated")
	c.Flags().StringVar(&f.seed, "seed", "desk", "what all keys are made of")
	f.faults.register(c.Flags())
	c.Flags().BoolVar(&f.superset, "superset", false, "accept in queries what Azure knows in message routes only")
	c.Flags().StringVarP(&f.output, "output", "o", "", "text or json")
	c.Flags().StringArrayVar(&f.own, "own", nil, "a device that you connect yourself: the hub knows it, and it is not simulated; may be repeated")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show the devices' debug lines, too")
	return c
}

func (a *app) simulate(ctx context.Context, file string, f simulateFlags) error {
	format, err := a.outputFormat(f.output, "text", "json")
	if err != nil {
		return err
	}
	collectAt(50)
	troubles, err := f.faults.parse()
	if err != nil {
		return err
	}
	doors, err := f.doors.open(time.Now())
	if err != nil {
		return err
	}
	defer doors.close()
	store, err := a.openState(f.doors.state)
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer func() { a.closeState(store, context.Cause(ctx)) }()
	log := &deviceLog{app: a, format: format, verbose: f.verbose}
	d, err := a.startDesk(ctx, clock.Real(), file, deskOptions{
		rest: present(doors.https, doors.http), mqtt: present(doors.mqtts, doors.mqtt), hosts: f.doors.hosts, clientCAs: doors.clientCAs,
		seed: f.seed, own: f.own, superset: f.superset, log: log.line, troubles: troubles,
		state: store, ownKeys: store != nil && !f.seeded, stateFailed: fail,
	})
	if err != nil {
		return err
	}
	defer d.stop()
	if err := a.announce(d, doors, format); err != nil {
		return err
	}
	if a.flush(ctx) != nil {
		return coded{code: exitFailed} // who waits for the first line would wait for ever; run says why
	}
	<-ctx.Done()
	if i, ok := interruption(ctx); ok {
		return coded{code: i.code()}
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return coded{exitFailed, cause}
	}
	return nil
}

// A deviceLog shows what devices say of themselves, from many places at once.
type deviceLog struct {
	app     *app
	format  string
	verbose bool
	mu      sync.Mutex // one line at a time
}

func (l *deviceLog) line(n device.LogLine) {
	if n.Level == "debug" && !l.verbose {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.format == "json" {
		fmt.Fprintln(l.app.out, jsonLine(map[string]any{"type": "log", "time": n.Time, "device": n.Device, "level": n.Level, "message": n.Text}))
		return
	}
	fmt.Fprintf(l.app.err, "%s %-5s %s: %s\n", n.Time.Local().Format(toTheMillisecond), n.Level, clean(n.Device), clean(n.Text))
}
