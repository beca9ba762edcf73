package engine

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkPlanEvent is the planner's cost of one event with 1,000 items in flight; the floor beside
// it is a map lookup and the append that any driver needs.
func BenchmarkPlanEvent(b *testing.B) {
	for _, items := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			for b.Loop() {
				events, took := playLoop(b, items, 1000)
				b.ReportMetric(float64(took.Nanoseconds())/float64(events), "ns/event")
				b.ReportMetric(took.Seconds(), "s/run")
			}
		})
	}
	b.Run("floor", func(b *testing.B) {
		pending := map[Address]Command{}
		for b.Loop() {
			for i := range 1000 {
				at := Address("").child("each").item(i).child("x").attempt(1)
				pending[at] = Command{At: at}
				delete(pending, at)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/event")
		}
	})
}

// playLoop runs a forEach of three steps an item; every answer is an event of its own.
func playLoop(tb testing.TB, items, concurrency int) (events int, took time.Duration) {
	program := mustProgram(tb, fmt.Sprintf(`
version: 1
workflow: loop
timeout: 10h
inputs: { items: { type: array } }
steps:
  - forEach:
      in: inputs.items
      concurrency: %d
      steps:
        - { id: a, act: { n: "${{ item }}" } }
        - { id: b, read: { n: "${{ steps.a.value }}" } }
        - { id: c, act: { n: "${{ index }}" }, if: steps.b.outcome == "succeeded" }
`, concurrency))
	list := make([]any, items)
	for i := range list {
		list[i] = fmt.Sprintf("dev-%d", i)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	run := NewRun(program)
	began := time.Now()
	decision := run.Next(Event{Kind: RunStarted, Time: now, Start: &RunStart{ID: "r", Inputs: map[string]any{"items": list}}})
	queue := decision.Commands
	value := map[string]any{"value": 1.0, "status": 200.0}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		if c.Kind != CommandDo {
			continue
		}
		decision = run.Next(Event{Kind: StepDone, Time: now, At: c.At, Value: value})
		queue = append(queue, decision.Commands...)
		events++
	}
	if decision.End == nil || decision.End.Status != Succeeded {
		tb.Fatalf("the run ended %+v", decision.End)
	}
	return events, time.Since(began)
}

func mustProgram(tb testing.TB, source string) *Program {
	tb.Helper()
	program, problems := Compile("workflow.yaml", []byte(source), Options{Types: planTypes()})
	if len(problems) > 0 {
		tb.Fatalf("%v", problems)
	}
	return program
}
