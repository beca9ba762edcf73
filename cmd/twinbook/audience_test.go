package main

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/steps"
)

const twoNaps = `version: 1
workflow: naps
steps:
  - name: Both
    steps:
      - name: First
        sleep: 10ms
      - name: Second
        sleep: 2s
      - log: over
`

// Runs of which nothing was heard for a while are shown again from the journal, as if they had never been forgotten.
func TestRunsThatAreShownAnew(t *testing.T) {
	p, problems := engine.Compile("naps.yaml", []byte(twoNaps), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		t.Fatal(problems.Text())
	}
	show := func(most int) string {
		var out strings.Builder
		a := &app{err: &out, out: &out}
		j := a.opened(journal.NewMemory(), "j.db", nil)
		w := &world{open: map[string]openHub{"desk": {title: "simulator desk"}}}
		d := drive{world: w, journal: j, runs: []course{{id: "run-aaaaa", program: p, hub: "desk"}, {id: "run-bbbbb", program: p, hub: "desk"}}}
		d.show = func(c course) reporter { return newOneOfMany(a, c.id) }
		v := newAudience(a, t.Context(), d)
		v.most = most
		loop := clock.NewLoop(time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC))
		err := loop.Run(t.Context(), func(ctx context.Context) {
			r := runner.New(runner.Config{Clock: loop, Journal: j, Observe: v.update, Park: true, Program: compileStored})
			for i, c := range d.runs {
				h, err := r.Start(ctx, p, engine.RunStart{ID: c.id, Inputs: map[string]any{}, Hub: "desk"})
				if err != nil {
					t.Error(err)
					return
				}
				if i == 1 {
					h.Pause("look")
					clock.Sleep(ctx, loop, time.Second)
					h.Pause("look again")
					h.Resume()
					h.Wait(ctx)
				}
			}
			clock.Sleep(ctx, loop, time.Minute)
		})
		if err != nil {
			t.Error(err)
		}
		if v.untold("run-aaaaa") || v.untold("run-bbbbb") {
			t.Error("a run was not heard of")
		}
		return out.String()
	}
	all, few := show(mostShown), show(1)
	if all != few || len(regexp.MustCompile(`bbbbb  .* Both › `).FindAllString(few, -1)) < 2 || !strings.Contains(few, "succeeded in ") {
		t.Errorf("shown anew:\n%s\nshown all the time:\n%s", few, all)
	}
}
