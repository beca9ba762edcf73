package simulator

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkTelemetry is messages at QoS 1 over a thousand sockets of this machine, each acknowledged. A device
// sends so many before it waits for the acknowledgements. The devices run on the same cores as the hub. What the
// bare sockets take is measured with a server that does nothing but acknowledge.
func BenchmarkTelemetry(b *testing.B) {
	const devices = 1000
	for _, burst := range []int{1, 10} {
		b.Run(fmt.Sprintf("burst=%d/bare", burst), func(b *testing.B) {
			publishAll(b, dialBare(b, devices), burst)
		})
		b.Run(fmt.Sprintf("burst=%d/hub", burst), func(b *testing.B) {
			h, err := New(Config{Seed: "bench"})
			if err != nil {
				b.Fatal(err)
			}
			publishAll(b, dialMany(b, h, devices), burst)
		})
	}
}

// publishAll has the devices send b.N messages between them.
func publishAll(b *testing.B, conns []net.Conn, burst int) {
	message := frame(0x32, text16("devices/dev-00000/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8&level=normal")+"\x00\x01"+
		`{"temperature":21.5,"humidity":60,"time":"2026-01-01T00:00:00Z"}`)
	var left atomic.Int64
	left.Store(int64(b.N))
	var ended sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	if len(message) != benchMessage {
		b.Fatalf("a message has %d bytes", len(message))
	}
	for i, conn := range conns {
		mine := []byte(strings.Repeat(strings.Replace(message, "dev-00000", deviceName(i), 1), burst))
		ended.Go(func() {
			acks := make([]byte, 4*burst)
			for left.Add(int64(-burst)) > int64(-burst) {
				if _, err := conn.Write(mine); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(conn, acks); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	ended.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func deviceName(i int) string { return fmt.Sprintf("dev-%05d", i) }

// dialBare connects to a server that answers each of its reads with as many acknowledgements as the messages
// in it would need.
func dialBare(b *testing.B, devices int) []net.Conn {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	conns := make([]net.Conn, devices)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conns[i].Close() })
		server, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { server.Close() })
		go acknowledgeAll(server)
	}
	return conns
}

func acknowledgeAll(conn net.Conn) {
	read, acks := make([]byte, 4096), make([]byte, 4096)
	for rest := 0; ; {
		n, err := conn.Read(read)
		if err != nil {
			return
		}
		whole := (rest + n) / benchMessage
		rest = (rest + n) % benchMessage
		if _, err := conn.Write(acks[:4*whole]); err != nil {
			return
		}
	}
}

const benchMessage = 156 // bytes of a message in publishAll

// dialMany connects new devices over sockets.
func dialMany(b testing.TB, h *Hub, devices int) []net.Conn {
	b.Helper()
	address := listen(b, h)
	conns := make([]net.Conn, devices)
	for i := range conns {
		id := deviceName(i)
		if err := h.AddDevice(Device{ID: id}); err != nil {
			b.Fatal(err)
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute))
		hello := connectBytes(id, "localhost/"+id+"/?api-version=2021-04-12", deviceToken(b, h, id, time.Hour))
		if _, err := io.WriteString(conn, hello); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
			b.Fatal(err)
		}
		conns[i] = conn
	}
	return conns
}

// An idle device on a plain socket takes at most 10 KiB of the hub's memory: heap and stacks.
func TestSocketsAreCheap(t *testing.T) {
	if testing.Short() || raced {
		t.Skip("measures memory")
	}
	const devices = 1000
	h := newHub(t, Config{})
	before := memoryInUse()
	conns := dialMany(t, h, devices)
	each := (int64(memoryInUse()) - int64(before)) / devices
	theirs := dialledCost(t, devices)
	t.Logf("%d bytes a device, less %d of its own end", each, theirs)
	if each -= theirs; each > 10<<10 {
		t.Errorf("%d bytes for an idle socket device", each)
	}
	for _, c := range conns {
		c.Close()
	}
}

// dialledCost is what the devices' ends take: connections that nobody has accepted.
func dialledCost(t *testing.T, n int64) int64 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := memoryInUse()
	conns := make([]net.Conn, n)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
	}
	each := (int64(memoryInUse()) - int64(before)) / n
	runtime.KeepAlive(conns)
	return each
}

// memoryInUse is taken after collections, which also make stacks small again.
func memoryInUse() uint64 {
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
