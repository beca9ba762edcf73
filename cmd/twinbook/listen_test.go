package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Who may not open a low port hears of both ways out. Root and some systems may, so the refusal is made here.
func TestARefusedPort(t *testing.T) {
	refused := &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EACCES)}
	text := explainListen("https", "127.0.0.1:443", refused).Error()
	for _, want := range []string{
		"this user may not open 127.0.0.1:443", "--https 127.0.0.1:8443 --mqtts 127.0.0.1:8883", "HostName=localhost:PORT", "other SDKs",
		"--http 127.0.0.1:8080 --mqtt 127.0.0.1:1883",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %q", text, want)
		}
	}
	for system, want := range map[string][]string{
		"linux":  {"setcap cap_net_bind_service=+ep", "sysctl net.ipv4.ip_unprivileged_port_start=443"},
		"darwin": {"sudo"},
	} {
		for _, w := range want {
			if got := allowBinding(system); !strings.Contains(got, w) {
				t.Errorf("%s: %s\nlacks %q", system, got, w)
			}
		}
	}
	other := explainListen("mqtts", "192.0.2.1:0", os.NewSyscallError("bind", syscall.EADDRNOTAVAIL))
	if got := other.Error(); got != "--mqtts 192.0.2.1:0: bind: cannot assign requested address" {
		t.Errorf("another error: %s", got)
	}
}

// The host in connection strings has a port only where a client would not find it by itself.
func TestHostsInConnectionStrings(t *testing.T) {
	at := func(port int) net.Listener { return boundTo{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}} }
	for _, c := range []struct {
		doors             doors
		services, devices string
	}{
		{doors{https: at(443), mqtts: at(8883), host: "localhost"}, "localhost", "localhost"},
		{doors{https: at(8443), mqtts: at(8884), host: "hub.example"}, "hub.example:8443", "hub.example:8884"},
		{doors{https: at(443), host: "localhost"}, "localhost", "localhost"},
		{doors{https: at(8443), host: "::1"}, "[::1]:8443", "[::1]:8443"},
		{doors{https: at(443), mqtts: at(8883), host: "::1"}, "[::1]", "[::1]"},
		{doors{http: at(8080), mqtt: at(1883), host: "localhost"}, "127.0.0.1:8080", "127.0.0.1:1883"},
		{doors{https: at(443), mqtts: at(8883), http: at(80), mqtt: at(1883), host: "localhost"}, "localhost", "localhost"},
		{doors{http: at(8080), host: "localhost"}, "127.0.0.1:8080", "127.0.0.1:8080"},
		{doors{mqtt: at(1883), host: "localhost"}, "localhost", "127.0.0.1:1883"},
	} {
		if got := c.doors.forServices(); got != c.services {
			t.Errorf("%+v: services %s, want %s", c.doors, got, c.services)
		}
		if got := c.doors.forDevices(); got != c.devices {
			t.Errorf("%+v: devices %s, want %s", c.doors, got, c.devices)
		}
	}
}

type boundTo struct{ addr net.Addr }

func (b boundTo) Addr() net.Addr            { return b.addr }
func (b boundTo) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (b boundTo) Close() error              { return nil }

// Without flags it is TLS on the ports that SDKs look at; with an address for plain connections, only what is named.
func TestWhichAddressesAreServed(t *testing.T) {
	for _, c := range []struct{ given, want doorFlags }{
		{doorFlags{}, doorFlags{https: "127.0.0.1:443", mqtts: "127.0.0.1:8883"}},
		{doorFlags{https: "off"}, doorFlags{https: "off", mqtts: "127.0.0.1:8883"}},
		{doorFlags{mqtts: ":1"}, doorFlags{https: "127.0.0.1:443", mqtts: ":1"}},
		{doorFlags{http: "localhost:1"}, doorFlags{https: "off", mqtts: "off", http: "localhost:1"}},
		{doorFlags{mqtt: "localhost:1", https: ":2"}, doorFlags{https: ":2", mqtts: "off", mqtt: "localhost:1"}},
	} {
		got := c.given.addresses()
		if got.https != c.want.https || got.mqtts != c.want.mqtts || got.http != c.want.http || got.mqtt != c.want.mqtt {
			t.Errorf("%+v: %+v, want %+v", c.given, got, c.want)
		}
	}
}

// A folder for the CA is asked for only where there is TLS, and a home is not needed where --state names one.
func TestNoHomeNoCA(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("AppData", "")
	f := doorFlags{https: "127.0.0.1:0", mqtts: "off"}
	if d, err := f.open(time.Now()); err == nil || !strings.Contains(err.Error(), "name a folder with --state DIR") {
		d.close()
		t.Errorf("without a home: %v", err)
	}
	for _, f := range []doorFlags{{http: "127.0.0.1:0"}, {https: "127.0.0.1:0", mqtts: "off", state: t.TempDir()}} {
		d, err := f.open(time.Now())
		if err != nil {
			t.Errorf("%+v: %v", f, err)
		}
		d.close()
	}
}

// Who may not use the folder of the CA hears which one it is and how to choose another. Root may, so the refusal is made here.
func TestARefusedFolder(t *testing.T) {
	refused := fmt.Errorf("the simulator's CA: %w", &fs.PathError{Op: "mkdir", Path: "/closed/kept", Err: syscall.EACCES})
	const want = "the simulator's CA: mkdir /closed/kept: permission denied: this user may not read and write files in /closed/kept; --state DIR chooses another folder"
	if got := explainFolder("/closed/kept", refused).Error(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	other := errors.New("the simulator's CA: ca.pem expired")
	if got := explainFolder("/closed/kept", other); got != other {
		t.Errorf("got %v, want %v", got, other)
	}
}

// Two flags of one address do not send anybody to look for another program.
func TestOneAddressForTwoDoors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	d, err := doorFlags{http: address, mqtt: address}.open(time.Now())
	d.close()
	if err == nil || !strings.Contains(err.Error(), "--http and --mqtt name the same address, "+address) {
		t.Error(err)
	}
}
