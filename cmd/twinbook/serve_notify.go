package main

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// A supervisor is who started the server and wants to know how it is: systemd, by NOTIFY_SOCKET. See sd_notify(3).
type supervisor struct{ socket string }

// supervisor gives the one that the environment names; nothing is told to nobody.
func (a *app) supervisor() supervisor { return supervisor{socket: a.getenv("NOTIFY_SOCKET")} }

func (s supervisor) ready(status string)    { s.tell("READY=1", "STATUS="+status) }
func (s supervisor) stopping(status string) { s.tell("STOPPING=1", "STATUS="+status) }

// reloading is to be followed by ready.
func (s supervisor) reloading() { s.tell("RELOADING=1", fmt.Sprint("MONOTONIC_USEC=", sinceBoot())) }

// tell sends lines. A supervisor that does not listen must not hold up the server.
func (s supervisor) tell(lines ...string) {
	if s.socket == "" {
		return
	}
	name := s.socket
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:] // in Linux' abstract namespace
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	c.SetWriteDeadline(time.Now().Add(time.Second))
	c.Write([]byte(strings.Join(lines, "\n")))
}
