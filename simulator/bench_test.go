package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

// echo is an attached device that answers at once, and nothing else.
type echo struct{}

func (echo) Receive(c wire.Conn, m wire.Message) {
	if m, ok := m.(wire.MethodRequest); ok {
		c.Send(wire.MethodResponse{RID: m.RID, Status: 200, Body: m.Body})
	}
}

func (echo) Closed(wire.Conn, error) {}

func attachEcho(t testing.TB, h *Hub, id string) {
	t.Helper()
	c, err := h.AttachDevice(context.Background(), wire.Options{Identity: wire.Identity{Device: id}}, echo{})
	if err == nil {
		err = c.Send(wire.Subscribe{Feeds: wire.MethodFeed | wire.DesiredFeed | wire.TwinResponseFeed})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func fleet(t testing.TB, n int) (*Hub, []string) {
	t.Helper()
	h, err := New(Config{Seed: "bench"})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("dev-%06d", i)
		if err := h.AddDevice(Device{ID: ids[i]}); err != nil {
			t.Fatal(err)
		}
		attachEcho(t, h, ids[i])
	}
	return h, ids
}

// A hundred thousand attached devices fit into 200 MB, without a goroutine.
func TestAttachedAreCheap(t *testing.T) {
	if testing.Short() {
		t.Skip("measures memory")
	}
	const n = 100_000
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	h, _ := fleet(t, n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / n
	t.Logf("%d bytes a device", each)
	if more := runtime.NumGoroutine() - goroutines; each > 2048 || more > 0 {
		t.Errorf("%d bytes a device and %d goroutines", each, more)
	}
	runtime.KeepAlive(h)
}

// BenchmarkInvoke is a method call in process, to 64 devices at once.
func BenchmarkInvoke(b *testing.B) {
	h, ids := fleet(b, 64)
	c := h.Client()
	var turn atomic.Uint64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		call := hub.Call{Target: hub.Target{Device: ids[turn.Add(1)%64]}, Method: "reboot", Payload: map[string]any{"n": 1}}
		for pb.Next() {
			if _, err := c.Invoke(context.Background(), call); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkREST compares a method call over HTTP with what HTTP alone takes.
func BenchmarkREST(b *testing.B) {
	h, ids := fleet(b, 64)
	token := policyToken(b, h, "service", "localhost")
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write(body)
	})
	for name, handler := range map[string]http.Handler{"bare": bare, "method": h.Handler()} {
		server := httptest.NewServer(handler)
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		post := func(id string) error {
			r, err := http.NewRequest("POST", server.URL+"/twins/"+id+"/methods?api-version=2021-04-12", strings.NewReader(`{"methodName":"reboot","payload":{"n":"42"},"responseTimeoutInSeconds":30}`))
			if err != nil {
				return err
			}
			r.Header.Set("Authorization", token)
			answer, err := client.Do(r)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			var body any
			if err := json.NewDecoder(answer.Body).Decode(&body); err != nil || answer.StatusCode != 200 {
				return fmt.Errorf("%d %v %w", answer.StatusCode, body, err)
			}
			return nil
		}
		b.Run(name+"/one", func(b *testing.B) {
			for b.Loop() {
				if err := post(ids[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/64", func(b *testing.B) {
			var turn atomic.Uint64
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				id := ids[turn.Add(1)%64]
				for pb.Next() {
					if err := post(id); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
		server.Close()
	}
}

// BenchmarkReport is a reported patch of a device, with a twin of some size.
func BenchmarkReport(b *testing.B) {
	h, ids := fleet(b, 1)
	c, err := h.AttachDevice(b.Context(), wire.Options{Identity: wire.Identity{Device: ids[0]}}, echo{})
	if err != nil {
		b.Fatal(err)
	}
	c.Send(wire.ReportedPatch{RID: "1", Body: encodeJSON(big(20000))})
	b.ReportAllocs()
	for b.Loop() {
		c.Send(wire.ReportedPatch{RID: "1", Body: []byte(`{"rebootTime":"2026-01-01T00:00:00Z","n":5}`)})
	}
}

// BenchmarkQuery looks through a fleet for one device by its tag.
func BenchmarkQuery(b *testing.B) {
	h, _ := fleet(b, 10_000)
	for b.Loop() {
		if _, err := h.ask(inquiry{text: "SELECT * FROM devices WHERE tags.site = 'x'"}); err != nil {
			b.Fatal(err)
		}
	}
}
