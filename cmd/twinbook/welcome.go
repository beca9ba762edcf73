package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
)

// shownDevices is how many devices' connection strings are printed; --output json has all.
const shownDevices = 5

// A startJSON is what `simulate --output json` says once everything can be reached.
type startJSON struct {
	Type     string            `json:"type"` // "started"
	Name     string            `json:"name"`
	HTTPS    string            `json:"https,omitempty"` // addresses
	MQTTS    string            `json:"mqtts,omitempty"`
	HTTP     string            `json:"http,omitempty"`
	MQTT     string            `json:"mqtt,omitempty"`
	CA       string            `json:"ca,omitempty"` // a file
	Policies map[string]string `json:"policies"`     // connection strings
	Devices  map[string]string `json:"devices"`      // connection strings by id; see announceJSON
}

func (a *app) announce(d *desk, at *doors, format string) error {
	start, err := newStart(d, at)
	if err != nil {
		return err
	}
	if format == "json" {
		return a.announceJSON(d, at, start)
	}
	a.welcome(d, at, start)
	return nil
}

// announceJSON adds the devices to the line as it goes out: of a hundred thousand it has twelve megabytes.
func (a *app) announceJSON(d *desk, at *doors, start startJSON) error {
	out := bufio.NewWriterSize(a.out, 64<<10)
	out.WriteString(strings.TrimSuffix(jsonLine(start), "}}"))
	comma := ""
	for _, spec := range d.fleet.Devices {
		if entry, ok := at.deviceEntry(d, spec.ID); ok {
			out.WriteString(comma + jsonLine(spec.ID) + ":" + jsonLine(entry))
			comma = ","
		}
	}
	out.WriteString("}}\n")
	return out.Flush()
}

// deviceEntry is a device's connection string, unless it was given a certificate instead of keys.
func (d *doors) deviceEntry(of *desk, id string) (entry string, ok bool) {
	cs, err := of.hub.DeviceConnectionString(id)
	if err != nil {
		return "", false
	}
	return cs.At(d.forDevices()).String(), true
}

func newStart(d *desk, at *doors) (startJSON, error) {
	s := startJSON{
		Type: "started", Name: d.fleet.Name, CA: at.ca,
		HTTPS: address(at.https), MQTTS: address(at.mqtts), HTTP: address(at.http), MQTT: address(at.mqtt),
		Policies: map[string]string{}, Devices: map[string]string{},
	}
	for _, name := range d.hub.Policies() {
		entry, err := d.hub.ConnectionString(name)
		if err != nil {
			return s, err
		}
		s.Policies[name] = entry.At(at.forServices()).String()
	}
	return s, nil
}

// address is where an open door is.
func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// welcome says how to reach the simulator.
func (a *app) welcome(d *desk, at *doors, start startJSON) {
	fmt.Fprintf(a.out, "simulator %s: %s connected", start.Name, counted(d.simulated, "device"))
	if yours := len(d.fleet.Devices) - d.simulated; yours > 0 {
		fmt.Fprintf(a.out, ", %d for you to connect", yours)
	}
	fmt.Fprintf(a.out, "\n\n  for services  %s\n  for devices   %s\n", at.urls("https", "http"), at.urls("mqtts", "tcp", "wss", "ws"))
	if start.CA != "" {
		fmt.Fprintf(a.out, "  CA to trust   %s\n", start.CA)
	}
	fmt.Fprintf(a.out, "\nIn another terminal, in a folder without %s:\n\n", defaultConfig)
	if start.CA != "" {
		fmt.Fprintf(a.out, "  export %s='%s'\n", caVariable, start.CA)
	}
	fmt.Fprintf(a.out, "  export %s='%s'\n  twinbook run reboot.yaml\n\n", connectionVariable, start.Policies["service"])
	if start.CA != "" {
		fmt.Fprintf(a.out, "Programs of your own trust the CA in their own way; for Node it is\n\n  export NODE_EXTRA_CA_CERTS='%s'\n\n", start.CA)
	}
	a.showDevices(d, at)
	fmt.Fprint(a.out, "\n\nCtrl-C ends it.\n")
}

// urls are those of the schemes that are served.
func (d *doors) urls(schemes ...string) string {
	doors := map[string]net.Listener{"https": d.https, "wss": d.https, "http": d.http, "ws": d.http, "mqtts": d.mqtts, "tcp": d.mqtt}
	ports := map[string]string{"https": "443", "wss": "443"}
	var urls []string
	for _, scheme := range schemes {
		switch l := doors[scheme]; {
		case l == nil:
		case l == d.https || l == d.mqtts:
			urls = append(urls, scheme+"://"+d.named(l, ports[scheme]))
		default:
			urls = append(urls, scheme+"://"+address(l))
		}
	}
	if len(urls) == 0 {
		return "none"
	}
	return strings.Join(urls, ", ")
}

func (a *app) showDevices(d *desk, at *doors) {
	fmt.Fprintln(a.out, "A device of your own takes a simulated one's place with --own ID and its connection string:")
	shown := d.fleet.Devices[:min(len(d.fleet.Devices), shownDevices)]
	for _, spec := range shown {
		if entry, ok := at.deviceEntry(d, spec.ID); ok {
			fmt.Fprintf(a.out, "\n  %s", entry)
		}
	}
	if more := len(d.fleet.Devices) - len(shown); more > 0 {
		fmt.Fprintf(a.out, "\n  … and %d more: --output json shows all", more)
	}
}
