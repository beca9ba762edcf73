package simulator

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// idleDevices is how many devices the benchmark connects, if its descriptors allow so many.
const idleDevices = 10_000

// BenchmarkIdleTLS connects devices that subscribe and then say nothing, from a process of their own, and tells
// what each costs the hub's process: in memory that Go has in use after a collection (heap and stacks), and
// in pages of the machine. The kernel's part is not in it.
func BenchmarkIdleTLS(b *testing.B) {
	for _, way := range []string{"mqtt", "mqtts", "ws", "wss"} {
		b.Run(way, func(b *testing.B) {
			for b.Loop() {
				inUse, resident, took := idle(b, way, idleDevices)
				b.ReportMetric(inUse, "KiB-in-use/conn")
				b.ReportMetric(resident, "KiB-resident/conn")
				b.ReportMetric(float64(took.Milliseconds()), "ms-to-connect-all")
			}
		})
	}
}

// A device on a bare socket costs at most 10 KiB.
func TestIdleSocketsAreCheap(t *testing.T) {
	if testing.Short() || raceDetected() {
		t.Skip("measures memory")
	}
	inUse, resident, _ := idle(t, "mqtt", 1000)
	t.Logf("%.1f KiB in use, %.1f KiB resident", inUse, resident)
	if inUse > 10 {
		t.Errorf("%.1f KiB a device, want at most 10", inUse)
	}
}

// raceDetected says whether stacks hold what the race detector adds.
func raceDetected() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// A crowd is what the process of the clients has to know.
type crowd struct {
	Way, Address, CA string
	Tokens           []string
}

// idle gives the KiB that each of many connections costs.
func idle(t testing.TB, way string, devices int) (inUse, resident float64, took time.Duration) {
	h, err := New(Config{Seed: "idle", ConnectTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	d := openDoors(t, h)
	c := crowd{Way: way, Address: map[string]string{"mqtt": d.mqtt, "mqtts": d.mqtts, "ws": d.http, "wss": d.https}[way], CA: d.ca.File()}
	for i := range min(devices, connectionsAllowed(t)) {
		id := fmt.Sprintf("dev-%05d", i)
		if err := h.AddDevice(Device{ID: id}); err != nil {
			t.Fatal(err)
		}
		c.Tokens = append(c.Tokens, deviceToken(t, h, id, time.Hour))
	}
	before, pagesBefore := memory(t)
	start := time.Now()
	leave := bring(t, c)
	defer leave()
	took = time.Since(start)
	after, pagesAfter := memory(t)
	n := float64(len(c.Tokens)) * 1024
	runtime.KeepAlive(c)
	return float64(after-before) / n, float64(pagesAfter-pagesBefore) / n, took
}

// connectionsAllowed is how many sockets a process may open here; Go has lifted the soft limit to the hard one.
func connectionsAllowed(t testing.TB) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(limit.Cur) - 200
}

// memory is what Go uses of the heap and for stacks, and what the process has of the machine's memory.
func memory(t testing.TB) (inUse, resident int64) {
	for range 3 { // a stack shrinks by half at each collection
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int64
	fmt.Sscan(string(statm), &size, &pages)
	return int64(m.HeapAlloc + m.StackInuse), pages * int64(os.Getpagesize())
}

// bring starts the process of the clients and waits until all are connected; leave ends it.
func bring(t testing.TB, c crowd) (leave func()) {
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	clients := exec.Command(os.Args[0], "-test.run=^TestCrowd$")
	clients.Env = append(os.Environ(), "TWINBOOK_CROWD=1")
	clients.Stderr = os.Stderr
	in, err := clients.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := clients.StdoutPipe()
	if err == nil {
		err = clients.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	leave = func() {
		in.Close()
		clients.Wait()
	}
	in.Write(append(text, '\n'))
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "all are connected" {
			go io.Copy(io.Discard, out)
			return leave
		}
		t.Log(lines.Text())
	}
	leave()
	t.Fatal("the clients could not connect")
	return nil
}

// TestCrowd is the process of the clients, and no test of its own.
func TestCrowd(t *testing.T) {
	if os.Getenv("TWINBOOK_CROWD") == "" {
		t.Skip("is started by the benchmark of idle connections")
	}
	stdin := bufio.NewReader(os.Stdin)
	text, err := stdin.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var c crowd
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	conns := make([]net.Conn, len(c.Tokens))
	var turns sync.WaitGroup
	for first := range 64 {
		turns.Go(func() {
			for i := first; i < len(conns); i += 64 {
				conn, err := c.connect(i)
				if err != nil {
					t.Error(err)
					return
				}
				conns[i] = conn
			}
		})
	}
	turns.Wait()
	if !t.Failed() {
		fmt.Println("all are connected")
		stdin.ReadByte() // until the other process has seen enough
	}
	runtime.KeepAlive(conns)
}

func (c crowd) connect(i int) (net.Conn, error) {
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("dev-%05d", i)
	said := connectBytes(id, "localhost/"+id+"/?api-version=2021-04-12", c.Tokens[i])
	if _, err := io.WriteString(conn, said); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, methodsBytes); err != nil {
		return nil, err
	}
	answer := make([]byte, len(ok)+len(subackBytes))
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != ok+subackBytes {
		return nil, fmt.Errorf("%s heard %q, %w", id, answer, err)
	}
	return conn, nil
}

func (c crowd) dial() (net.Conn, error) {
	text, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	secure := &tls.Config{RootCAs: roots}
	switch c.Way {
	case "mqtt":
		return net.Dial("tcp", c.Address)
	case "mqtts":
		return tls.Dial("tcp", c.Address, secure)
	}
	return dialFramed(c.Way+"://"+c.Address, secure)
}
