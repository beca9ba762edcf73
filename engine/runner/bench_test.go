package runner

import (
	"fmt"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// BenchmarkStep is what a step that does nothing costs, with the journal in memory; the target is 50 µs.
// BenchmarkPlannerAlone is the floor under it.
func BenchmarkStep(b *testing.B) {
	for _, typ := range []*engine.StepType{read, once} {
		for _, inFlight := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/inFlight=%d", typ.Name, inFlight), func(b *testing.B) {
				b.ReportAllocs()
				r := New(Config{Clock: clock.Real(), Journal: journal.NewMemory(), Do: world{}.do})
				p := program(each("all", b.N, inFlight, do("a", typ, timeout("30s"))))
				b.ResetTimer()
				h, err := r.Start(b.Context(), p, engine.RunStart{})
				if err != nil {
					b.Fatal(err)
				}
				if outcome, err := h.Wait(b.Context()); err != nil || outcome.Status != engine.Succeeded {
					b.Fatal(outcome, err)
				}
			})
		}
	}
}

func BenchmarkPlannerAlone(b *testing.B) {
	for _, inFlight := range []int{1, 64} {
		b.Run(fmt.Sprintf("inFlight=%d", inFlight), func(b *testing.B) {
			b.ReportAllocs()
			plan := engine.NewRun(program(each("all", b.N, inFlight, do("a", read, timeout("30s")))))
			b.ResetTimer()
			d := plan.Next(engine.Event{Seq: 1, Time: start, Kind: engine.RunStarted, Start: &engine.RunStart{ID: "r1"}})
			for todo := d.Commands; len(todo) > 0; {
				c := todo[0]
				d = plan.Next(engine.Event{Time: start, Kind: engine.StepDone, At: c.At, Value: map[string]any{"value": string(c.At)}})
				todo = append(todo[1:], d.Commands...)
			}
			if d.End == nil || d.End.Status != engine.Succeeded {
				b.Fatal(d.End)
			}
		})
	}
}

// BenchmarkManyRuns is a run of one step from start to end, many at the same time.
func BenchmarkManyRuns(b *testing.B) {
	b.ReportAllocs()
	r := New(Config{Clock: clock.Real(), Journal: journal.NewMemory(), Do: world{}.do})
	p := program(do("a", once))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h, err := r.Start(b.Context(), p, engine.RunStart{})
			if err == nil {
				_, err = h.Wait(b.Context())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
