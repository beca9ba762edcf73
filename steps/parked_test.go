package steps_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/wire"
	"github.com/twinbook/twinbook/steps"
)

// rebootWait waits as the README does: a run has read a twin, and waits for another value in it.
const rebootWait = `
version: 1
workflow: reboot
timeout: 24h
inputs: { device: { type: string } }
device: ${{ inputs.device }}
steps:
  - id: before
    getTwin: {}
  - waitForTwin: { until: twin.reported.rebootTime != steps.before.twin.reported.rebootTime }
    timeout: 1h
`

// A parking is many attached devices, each with a wait for its twin.
type parking struct {
	testing.TB
	clock   clock.Clock
	hub     *simulator.Hub
	world   *steps.World
	program *engine.Program
	conns   []wire.Conn

	looked, met atomic.Int64
	stops       []func(error)

	told   func(string) // shared by all, as a runner's would not be
	answer func(any, error)
}

func newParking(tb testing.TB, n int) *parking {
	c := clock.Real()
	h, err := simulator.New(simulator.Config{Clock: c})
	if err != nil {
		tb.Fatal(err)
	}
	p := &parking{TB: tb, clock: c, hub: h, conns: make([]wire.Conn, n), stops: make([]func(error), n)}
	p.told = func(string) { p.looked.Add(1) }
	p.answer = func(_ any, err error) {
		if err == nil {
			p.met.Add(1)
		}
	}
	p.world = steps.NewWorld(steps.World{Clock: c, Hubs: map[string]steps.Fleet{"desk": steps.NewFleet(c, h.Client())}})
	var problems engine.Problems
	if p.program, problems = engine.Compile("reboot.yaml", []byte(rebootWait), engine.Options{Types: steps.All().Types}); len(problems) > 0 {
		tb.Fatal(problems)
	}
	for i := range n {
		p.attach(i)
	}
	return p
}

func parked(i int) string { return fmt.Sprintf("dev-%06d", i) }

// attach connects a device that reports twenty properties.
func (p *parking) attach(i int) {
	if err := p.hub.AddDevice(simulator.Device{ID: parked(i), Tags: map[string]any{"site": "berlin", "row": float64(i % 100)}}); err != nil {
		p.Fatal(err)
	}
	conn, err := p.hub.AttachDevice(p.Context(), wire.Options{Identity: wire.Identity{Device: parked(i)}}, device{})
	if err != nil {
		p.Fatal(err)
	}
	p.conns[i] = conn
	properties := map[string]any{"rebootTime": fmt.Sprintf("2026-03-01T%02d:00:00Z", i%24), "firmware": map[string]any{"version": "1.4.2", "date": "2026-01-01"}}
	for k := range 18 {
		properties[fmt.Sprintf("property%02d", k)] = fmt.Sprintf("value %d of %d", k, i)
	}
	p.report(i, properties)
}

func (p *parking) report(i int, properties map[string]any) {
	body, err := json.Marshal(properties)
	if err == nil {
		err = p.conns[i].Send(wire.ReportedPatch{RID: "1", Body: body})
	}
	if err != nil {
		p.Fatal(err)
	}
}

// command is the wait of a run that has read the twin of a device, and of which nothing else is kept.
func (p *parking) command(run engine.RunStart, i int) engine.Command {
	plan := engine.NewRun(p.program)
	run.Inputs = map[string]any{"device": parked(i)}
	now := p.clock.Now()
	read := p.doing(plan.Next(engine.Event{Kind: engine.RunStarted, Time: now, Start: &run}))
	value, err := p.world.Do(p.Context(), run, read, nil)
	if err != nil {
		p.Fatal(err)
	}
	return p.doing(plan.Next(engine.Event{Kind: engine.StepDone, Time: now, At: read.At, Value: value}))
}

// doing is the attempt that a decision begins.
func (p *parking) doing(d engine.Decision) engine.Command {
	i := slices.IndexFunc(d.Commands, func(c engine.Command) bool { return c.Kind == engine.CommandDo })
	if i < 0 {
		p.Fatalf("no command: %+v", d)
	}
	return d.Commands[i]
}

// park begins a wait.
func (p *parking) park(run engine.RunStart, i int) {
	p.stops[i] = p.world.Watch(run, p.command(run, i), p.told, p.answer)
}

// untilLooked returns when each wait has looked at its twin.
func (p *parking) untilLooked() {
	p.until("the twins are looked at", func() bool { return p.looked.Load()%int64(len(p.stops)) == 0 })
}

func (p *parking) until(what string, done func() bool) {
	p.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !done(); {
		if time.Now().After(deadline) {
			p.Fatal("not in time: ", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAParkedWaitIsSmall holds what stays in memory of a run that waits for a twin against what it may be, the
// simulator's part of it included.
func TestAParkedWaitIsSmall(t *testing.T) {
	const n, most = 500, 900 // the runner has the rest of a KiB
	p := newParking(t, n)
	before := heapInUse()
	for i := range n {
		p.park(desk, i)
	}
	p.untilLooked()
	if each := (heapInUse() - before) / n; each > most {
		t.Errorf("%d bytes a wait, want at most %d", each, most)
	}
	runtime.KeepAlive(p)
}

const manyParked = 100_000

// BenchmarkParked is 100,000 waits for the twins of as many attached devices, as they stay in memory of runs
// that have left it, and then two changes of each twin: one that is not waited for, and one that is.
func BenchmarkParked(b *testing.B) {
	p := newParking(b, manyParked)
	for b.Loop() {
		before := heapInUse()
		p.parkAll(b)
		p.each(b, "µs/unmet", func(i int) { p.report(i, map[string]any{"property00": p.clock.Now()}) })
		p.each(b, "µs/met", func(i int) { p.report(i, map[string]any{"rebootTime": p.clock.Now()}) })
		clear(p.stops)
		b.ReportMetric(float64(heapInUse()-before)/manyParked, "B/left")
	}
	if met := p.met.Load(); met%manyParked != 0 || met == 0 {
		b.Errorf("%d were met", met)
	}
}

// BenchmarkParkedPolled is as many waits on a hub that does not push; each twin has been read once.
func BenchmarkParkedPolled(b *testing.B) {
	p := newParking(b, manyParked)
	h := struct{ hub.Hub }{p.hub.Client()}
	p.world.Hubs["desk"] = steps.Fleet{Hub: h, Twins: hub.NewWatcher(p.clock, h, hub.WatchOptions{ReadsPerSecond: 1e6, MinInterval: time.Hour, MaxInterval: time.Hour})}
	for b.Loop() {
		p.parkAll(b)
		for _, stop := range p.stops {
			stop(context.Canceled)
		}
	}
}

// parkAll reports what the waits take, all together.
func (p *parking) parkAll(b *testing.B) {
	goroutines, before := runtime.NumGoroutine(), heapInUse()
	p.each(b, "µs/park", func(i int) { p.park(desk, i) })
	p.untilLooked()
	b.ReportMetric(float64(heapInUse()-before)/manyParked, "B/wait")
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
}

// each reports the time that something takes for one of the waits.
func (p *parking) each(b *testing.B, unit string, do func(i int)) {
	began := time.Now()
	for i := range p.stops {
		do(i)
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/manyParked, unit)
}
