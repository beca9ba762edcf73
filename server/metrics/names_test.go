package metrics

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/steps"
)

func types() *engine.Types { return steps.All().Types }

// TestNothingThatComesFromOutsideMakesSeriesWithoutEnd has a journal of very many workflows, and names that no
// Prometheus would take.
func TestNothingThatComesFromOutsideMakesSeriesWithoutEnd(t *testing.T) {
	m := New(Config{})
	for i := range 5 * mostWorkflows {
		start := &engine.RunStart{Workflow: fmt.Sprintf("w%d", i), Trigger: fmt.Sprintf("trigger %d", i)}
		m.Observe(runner.Update{Start: start})
		m.Observe(runner.Update{Info: start, Began: time.Unix(0, 0), Time: time.Unix(1, 0), End: &engine.Outcome{Status: engine.Status(fmt.Sprint(i))}})
		m.Fired(start.Workflow, fmt.Sprint("result", i), 0)
		m.Triggered(fmt.Sprint("trigger", i), fmt.Sprint("result", i))
		m.Hub(fmt.Sprint("hub", i), fmt.Sprint("op", i), 0, fmt.Errorf("error %d", i))
		m.Observe(runner.Update{Note: &engine.Note{
			Kind: engine.NoteStepEnded, Status: engine.Status(fmt.Sprint(i)), Error: &engine.Error{Kind: engine.ErrorKind(fmt.Sprint(i))},
			Step: &engine.Step{Action: fmt.Sprint("action", i), Do: &engine.Action{}},
		}})
	}
	text := scrape(t, m)
	perFamily := map[string]int{}
	for line := range strings.Lines(text) {
		if name, _, labelled := strings.Cut(line, "{"); labelled {
			perFamily[name]++
		}
	}
	for name, most := range map[string]int{
		"twinbook_runs_started_total":           mostWorkflows + 1,
		"twinbook_runs_ended_total":             (mostWorkflows + 1) * 4,
		"twinbook_run_duration_seconds_count":   mostWorkflows + 1,
		"twinbook_schedule_fires_total":         (mostWorkflows + 1) * 2,
		"twinbook_trigger_fires_total":          1,
		"twinbook_hub_requests_total":           2 * (mostHubs + 1),
		"twinbook_step_duration_seconds_count":  mostActions + 1,
		"twinbook_step_errors_total":            mostActions + 1,
		"twinbook_step_duration_seconds_bucket": (mostActions + 1) * (len(stepBuckets) + 1),
	} {
		if perFamily[name] == 0 || perFamily[name] > most {
			t.Errorf("%s has %d series, want at most %d", name, perFamily[name], most)
		}
	}
	has(t, text, fmt.Sprintf(`twinbook_run_duration_seconds_count{workflow="other"} %d`, 4*mostWorkflows))
}

func TestAnyNameMakesALabel(t *testing.T) {
	m := New(Config{})
	for _, name := range []string{"", "\xff\xfe", strings.Repeat("ä", 200), "a\"b\nc\\d", "other", "\x00"} {
		m.Observe(runner.Update{Start: &engine.RunStart{Workflow: name}})
	}
	text := scrape(t, m)
	has(t, text,
		`twinbook_runs_started_total{trigger="other",workflow="a\"b\nc\\d"} 1`,
		`twinbook_runs_started_total{trigger="other",workflow="`+strings.Repeat("ä", longestName/2)+`"} 1`)
}

// TestManyTellAtOnce is for the race detector: runs, hubs and requests tell while somebody scrapes.
func TestManyTellAtOnce(t *testing.T) {
	m := New(Config{Counts: func(context.Context) (Counts, error) { return Counts{}, nil }})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				start := &engine.RunStart{Workflow: fmt.Sprint("w", i)}
				m.Observe(runner.Update{Info: start, Start: start})
				m.Observe(runner.Update{Info: start, Began: time.Unix(0, 0), Time: time.Unix(1, 0), End: &engine.Outcome{Status: engine.Succeeded}})
				m.Fired(start.Workflow, Fired, 0)
				m.Hub(start.Workflow, "twin", 0, nil)
			}
		})
	}
	all.Go(func() { lookAt(m) })
	all.Wait()
	has(t, scrape(t, m), `twinbook_runs_started_total{trigger="other",workflow="w7"} 8`, `twinbook_schedule_fires_total{result="fired",workflow="w199"} 8`)
}
