package device_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
)

const manyDevices = `
version: 1
simulator: many
devices: [ { id: "dev-${{ padLeft(index, 6) }}", count: 10000, profile: p, tags: { site: berlin } } ]
profiles:
  p:
    reported: { firmware: "1.4.2", nested: { a: 1 } }
    onDesired: [ report: "${{ desired }}" ]
    methods:
      ping: [ respond: { payload: "${{ payload }}" } ]
`

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkAttach10000 connects ten thousand devices in this process.
func BenchmarkAttach10000(b *testing.B) {
	var perDevice, hubs float64
	var goroutines int
	for b.Loop() {
		b.StopTimer()
		before := heap()
		w := newWorld(b, clock.Real(), manyDevices)
		known := heap()
		ctx, stop := context.WithCancel(b.Context())
		running := runtime.NumGoroutine()
		b.StartTimer()
		r, err := device.Start(ctx, w.fleet, device.Options{Dial: w.hub.AttachDevice})
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Ready(ctx); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		n := float64(len(w.fleet.Devices))
		hubs, perDevice = float64(known-before)/n, float64(heap()-known)/n
		goroutines = runtime.NumGoroutine() - running
		stop()
		if err := r.Wait(context.Background()); err != nil {
			b.Fatal(err)
		}
		runtime.KeepAlive(w)
		b.StartTimer()
	}
	b.ReportMetric(hubs, "B/known")
	b.ReportMetric(perDevice, "B/connected")
	b.ReportMetric(float64(goroutines), "goroutines")
}

// BenchmarkCall calls a method of an attached device.
func BenchmarkCall(b *testing.B) {
	w := newWorld(b, clock.Real(), behaviours)
	r, err := device.Start(b.Context(), w.fleet, device.Options{Dial: w.hub.AttachDevice})
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	call := hub.Call{Target: target("d"), Method: "twice", Response: 30 * time.Second}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.client.Invoke(b.Context(), call); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNothingIsLeft holds the goroutines after a fleet on MQTT against those before.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("fleet", func(t *testing.T) {
		w := newWorld(t, clock.Real(), manyOnMQTT)
		w.dial = device.DialMQTT(w.clock, listen(t, w.hub), w.hub.DeviceConnectionString)
		w.run(t.Context(), func(w *world) {
			w.answer("dev-7", "goAway", nil)
			w.answer("dev-8", "hangs", nil)
		})
	})
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

const manyOnMQTT = `
version: 1
simulator: many
devices: [ { id: "dev-${{ index }}", count: 50, profile: p } ]
profiles:
  p:
    reported: { firmware: "1.4.2" }
    methods:
      goAway: [ { respond: {} }, { disconnect: {} }, { report: { never: 1 } } ]
      hangs: [ { respond: {} }, { sleep: 1h } ]
`
