package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
)

// simulateFlags are the flags of `simulate`.
type simulateFlags struct {
	rest, mqtt, seed, output string
	own                      []string // devices that somebody else is
	verbose                  bool
}

// shownDevices is how many devices' connection strings are printed; --output json has all.
const shownDevices = 5

func (a *app) simulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate FILE",
		Short: "Run a simulated hub and its devices until interrupted",
		Long: "Runs the hub and the devices of a simulator file until it is interrupted. Services reach it by the\n" +
			"REST calls of Azure IoT Hub, devices of your own by MQTT; both without TLS, on this machine only.\n" +
			"Keys are the same each time unless --seed says otherwise.",
		Args: exactly("one simulator FILE"),
		RunE: func(c *cobra.Command, args []string) error { return a.simulate(c.Context(), args[0], f) },
	}
	c.Flags().StringVar(&f.rest, "http", "127.0.0.1:8080", "address of the service REST API; port 0 picks one")
	c.Flags().StringVar(&f.mqtt, "mqtt", "127.0.0.1:1883", "address for devices; port 0 picks one")
	c.Flags().StringVar(&f.seed, "seed", "desk", "what all keys are made of")
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
	rest, err := listen("http", f.rest)
	if err != nil {
		return err
	}
	defer rest.Close()
	mqtt, err := listen("mqtt", f.mqtt)
	if err != nil {
		return err
	}
	defer mqtt.Close()
	log := &deviceLog{app: a, format: format, verbose: f.verbose}
	d, err := a.startDesk(ctx, clock.Real(), file, deskOptions{rest: rest, mqtt: mqtt, seed: f.seed, own: f.own, log: log.line})
	if err != nil {
		return err
	}
	defer d.stop()
	if err := a.announce(d, rest.Addr().String(), mqtt.Addr().String(), format); err != nil {
		return err
	}
	<-ctx.Done()
	if i, ok := interruption(ctx); ok {
		return coded{code: i.code()}
	}
	return nil
}

// listen opens an address of this machine: without TLS, keys and data are for nobody else.
func listen(flag, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--%s %s: write an address such as 127.0.0.1:0", flag, address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--%s %s: without TLS only addresses of this machine are served, such as 127.0.0.1:0", flag, address)
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program (another twinbook simulate?); choose another address: --%s 127.0.0.1:0 picks a free one", address, flag)
	}
	return l, err
}

// A startJSON is the first line of `simulate --output json`.
type startJSON struct {
	Type    string            `json:"type"` // "started"
	Name    string            `json:"name"`
	HTTP    string            `json:"http"`
	MQTT    string            `json:"mqtt"`
	Service string            `json:"service"` // connection string
	Devices map[string]string `json:"devices"` // connection strings by id
}

func (a *app) announce(d *desk, rest, mqtt, format string) error {
	service, err := d.hub.ConnectionString("service")
	if err != nil {
		return err
	}
	ids := d.fleet.Devices
	if format == "text" {
		ids = ids[:min(len(ids), shownDevices)]
	}
	start := startJSON{
		Type: "started", Name: d.fleet.Name, HTTP: "http://" + rest, MQTT: "tcp://" + mqtt,
		Service: service.At(rest).String(), Devices: map[string]string{},
	}
	for _, spec := range ids {
		entry, err := d.hub.DeviceConnectionString(spec.ID)
		if err != nil {
			return err
		}
		start.Devices[spec.ID] = entry.At(mqtt).String()
	}
	if format == "json" {
		fmt.Fprintln(a.out, jsonLine(start))
		return nil
	}
	a.welcome(d, start)
	return nil
}

// welcome says how to reach the simulator.
func (a *app) welcome(d *desk, start startJSON) {
	fmt.Fprintf(a.out, "simulator %s: %s connected", start.Name, counted(d.simulated, "device"))
	if yours := len(d.fleet.Devices) - d.simulated; yours > 0 {
		fmt.Fprintf(a.out, ", %d for you to connect", yours)
	}
	fmt.Fprintf(a.out, "\n\n  for services  %s\n  for devices   %s\n\n", start.HTTP, start.MQTT)
	fmt.Fprintf(a.out, "In another terminal, in a folder without %s:\n\n  export %s='%s'\n  twinbook run reboot.yaml\n\n", defaultConfig, connectionVariable, start.Service)
	fmt.Fprintln(a.out, "A device of your own takes a simulated one's place with --own ID and its connection string:")
	for _, spec := range d.fleet.Devices {
		if entry, ok := start.Devices[spec.ID]; ok {
			fmt.Fprintf(a.out, "\n  %s", entry)
		}
	}
	if more := len(d.fleet.Devices) - len(start.Devices); more > 0 {
		fmt.Fprintf(a.out, "\n  … and %d more: --output json shows all", more)
	}
	fmt.Fprint(a.out, "\n\nCtrl-C ends it.\n")
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
	fmt.Fprintf(l.app.err, "%s %-5s %s: %s\n", n.Time.UTC().Format("15:04:05.000"), n.Level, clean(n.Device), clean(n.Text))
}
