package device_test

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
)

const hundredThousand = `
version: 1
simulator: many
devices: [ { id: "dev-${{ padLeft(index, 6) }}", count: 100000, profile: p } ]
profiles:
  p:
    telemetry:
      every: 60s
      body: { temperature: "${{ 20 + 5 * noise() }}", at: "${{ now() }}" }
      properties: { level: info }
`

// BenchmarkTelemetry100000 lets a hundred thousand devices live that send each minute, for ten seconds of real time,
// and tells how much of a core they and their hub take.
func BenchmarkTelemetry100000(b *testing.B) {
	before := heap()
	w := newWorld(b, clock.Real(), hundredThousand)
	ctx, stop := context.WithCancel(b.Context())
	r, err := device.Start(ctx, w.fleet, device.Options{Dial: w.hub.AttachDevice})
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Ready(ctx); err != nil {
		b.Fatal(err)
	}
	connected := heap()
	for b.Loop() {
		began, cpu := time.Now(), processorTime(b)
		clock.Sleep(ctx, clock.Real(), 10*time.Second)
		took := time.Since(began)
		b.ReportMetric(100*(processorTime(b)-cpu).Seconds()/took.Seconds(), "%core")
		sent := 0
		for i := range w.fleet.Devices {
			now, cancel := clock.Real().WithTimeout(ctx, 0)
			page, err := w.client.Telemetry(now, hub.TelemetryQuery{Target: target(w.fleet.Devices[i].ID), Since: began})
			cancel()
			if err == nil {
				sent += len(page.Messages)
			}
		}
		b.ReportMetric(float64(sent)/took.Seconds(), "msg/s")
	}
	b.ReportMetric(float64(connected-before)/100000, "B/device")
	b.ReportMetric(float64(heap()-connected)/100000, "B/device-later")
	b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
	stop()
	if err := r.Wait(context.Background()); err != nil {
		b.Fatal(err)
	}
	runtime.KeepAlive(w)
}

func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
