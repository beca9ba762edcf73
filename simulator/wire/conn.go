package wire

import (
	"context"
	"errors"
	"strings"
)

// ErrClosed is what Send returns once the connection has ended.
var ErrClosed = errors.New("the connection to the hub has ended")

// An Identity names who connects: a device, or one of its modules.
type Identity struct {
	Device string
	Module string // empty: the device itself
}

// String is the identity's MQTT client id.
func (id Identity) String() string {
	if id.Module == "" {
		return id.Device
	}
	return id.Device + "/" + id.Module
}

// Path is where the identity lies below a hub: devices/D, or devices/D/modules/M.
func (id Identity) Path() string { return strings.TrimSuffix(base(id), "/") }

// A Conn is a device's connection to its hub.
type Conn interface {
	// Send hands the hub a message. Messages reach it in the order of the calls; after a
	// Subscribe has returned, its feeds are granted. The error is ErrClosed, or says why the
	// message cannot be sent; how the hub takes it is told by its answer.
	Send(m Message) error

	// SessionPresent says whether the hub still held this identity's subscriptions.
	SessionPresent() bool

	// Close ends the connection in good order.
	Close() error
}

// A Receiver is the device's end of a Conn. Its methods are called one at a time, in the order of
// what happened, and must not wait; they may call Send and Close. They may be called before Dial
// has returned, so they are given the Conn.
type Receiver interface {
	// Receive takes a message from the hub. Its bytes must not be changed.
	Receive(c Conn, m Message)

	// Closed is called once, last: with nil after Close, else with the reason.
	Closed(c Conn, reason error)
}

// Options say how to connect.
type Options struct {
	Identity

	// CleanSession forgets the subscriptions of the last connection and of this one after it.
	// Without it a hub keeps them, as all SDKs of Azure expect.
	CleanSession bool
}

// A Dial opens a connection for a device.
type Dial func(ctx context.Context, o Options, r Receiver) (Conn, error)
