package device_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A partner is told the end of a connection, and takes nothing.
type partner struct{ closed chan error }

func (p partner) Receive(wire.Conn, wire.Message)  {}
func (p partner) Closed(_ wire.Conn, reason error) { p.closed <- reason }
func (p partner) isTold() bool                     { return len(p.closed) > 0 }
func login(string) (wire.ConnectionString, error)  { return wire.ConnectionString{Host: "hub"}, nil }
func packet(t *testing.T, hub net.Conn) packets.ControlPacket {
	t.Helper()
	p, err := packets.ReadPacket(hub)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// leaves tests what a hub sees of a device that answers a call and disconnects at once.
func leaves(t *testing.T, test func(t *testing.T, hub net.Conn, p partner)) {
	synctest.Test(t, func(t *testing.T) {
		mine, hub := net.Pipe()
		p := partner{make(chan error, 1)}
		dial := device.DialMQTTOver(clock.Real(), func(context.Context) (net.Conn, error) { return mine, nil }, login)
		go func() {
			conn, err := dial(t.Context(), wire.Options{Identity: wire.Identity{Device: "d"}}, p)
			if err != nil {
				t.Error(err)
				return
			}
			conn.Send(wire.MethodResponse{RID: "1", Status: 200, Body: []byte("null")})
			conn.Close()
		}()
		packet(t, hub) // CONNECT
		packets.NewControlPacket(packets.Connack).Write(hub)
		test(t, hub, p)
		hub.Close()
		synctest.Wait()
	})
}

// A device has left when the hub has taken its last word: one that connected again before that would have its answer
// dropped with the old connection.
func TestDisconnectWaitsForTheHub(t *testing.T) {
	leaves(t, func(t *testing.T, hub net.Conn, p partner) {
		if _, answers := packet(t, hub).(*packets.PublishPacket); !answers {
			t.Error("there is no answer")
		}
		if _, leaves := packet(t, hub).(*packets.DisconnectPacket); !leaves {
			t.Error("there is no DISCONNECT")
		}
		packets.NewControlPacket(packets.Pingresp).Write(hub) // it takes what a hub was about to write
		synctest.Wait()
		if p.isTold() {
			t.Fatal("the device has left before the hub has")
		}
		hub.Close()
		if err := <-p.closed; err != nil {
			t.Error(err)
		}
	})
}

// A hub that takes nothing, or does not say goodbye, holds nobody up for long.
func TestDisconnectFromASilentHub(t *testing.T) {
	for name, read := range map[string]int{"reads": 2, "stuck": 0} {
		t.Run(name, func(t *testing.T) {
			leaves(t, func(t *testing.T, hub net.Conn, p partner) {
				begun := time.Now()
				for range read {
					packet(t, hub)
				}
				<-p.closed
				if long := time.Since(begun); long > 10*time.Second {
					t.Errorf("it took %v", long)
				}
			})
		})
	}
}
