package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ServeMQTT lets devices in that connect to l, until ctx ends. It then closes l and all of their
// connections, and returns nil when everything it started has ended. MQTT over TLS comes from a
// listener that is made with tls.NewListener and TLSConfig.
func (h *Hub) ServeMQTT(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	d := &mqttDoor{hub: h, ctx: ctx}
	defer d.conns.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("simulator: the MQTT listener was closed: %w", err)
		case err != nil: // out of descriptors, for one: others may leave
			pause(ctx, 20*time.Millisecond)
			continue
		}
		if secured, ok := conn.(*tls.Conn); ok {
			d.conns.Go(func() { d.secure(secured) })
		} else {
			d.conns.Go(func() { h.Attach(ctx, conn) })
		}
	}
}

// An mqttDoor is where devices come in.
type mqttDoor struct {
	hub   *Hub
	ctx   context.Context // ends with the door
	conns sync.WaitGroup
	lobby lobby
}

// secure lets a device in after a TLS handshake. That needs a deep stack, which a goroutine would keep for as long
// as the connection lasts; so MQTT is spoken in another one.
func (d *mqttDoor) secure(conn *tls.Conn) {
	if err := d.handshake(conn); err != nil {
		conn.Close()
		return
	}
	d.conns.Go(func() { d.hub.Attach(d.ctx, conn) })
}

func (d *mqttDoor) handshake(conn *tls.Conn) error {
	d.lobby.enter(conn.NetConn())
	defer d.lobby.leave(conn.NetConn())
	ctx, cancel := context.WithTimeout(d.ctx, d.hub.config.ConnectTimeout)
	defer cancel()
	return conn.HandshakeContext(ctx)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
