package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"runtime"
	"syscall"
)

// listen opens an address for one of the doors of a simulator. Without TLS it has to be one of this machine: keys
// and data are for nobody else.
func listen(flag, address string, secure bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--%s %s: write an address such as 127.0.0.1:0", flag, address)
	}
	if ip := net.ParseIP(host); !secure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--%s %s: without TLS only addresses of this machine are served, such as 127.0.0.1:0", flag, address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, explainListen(flag, address, err)
	}
	return l, nil
}

// explainListen says why an address cannot be opened, and what to do.
func explainListen(flag, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken by another program (another twinbook simulate?); choose another address: --%s 127.0.0.1:0 picks a free one", address, flag)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not open %s. Either choose other ports:\n\n"+
			"  --https 127.0.0.1:8443 --mqtts 127.0.0.1:8883\n\n"+
			"which twinbook takes, MQTT libraries, and Node's device SDK over MQTT (HostName=localhost:PORT); other SDKs, and\n"+
			"all that use REST or WebSocket, look at 443 and 8883 only. Or allow it:\n\n%s\n\n"+
			"To try things out without TLS: --http 127.0.0.1:8080 --mqtt 127.0.0.1:1883", address, allowBinding(runtime.GOOS))
	}
	return fmt.Errorf("--%s %s: %w", flag, address, err)
}

// allowBinding is how a user gets the right to open a low port.
func allowBinding(system string) string {
	if system == "linux" {
		return "  sudo setcap cap_net_bind_service=+ep \"$(command -v twinbook)\"     this program, until it is installed anew\n" +
			"  sudo sysctl net.ipv4.ip_unprivileged_port_start=443              all programs, until the machine restarts"
	}
	return "  start twinbook simulate with sudo, or as another user who may"
}
