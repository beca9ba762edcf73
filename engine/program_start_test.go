package engine

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/cron"
)

const startSource = `version: 1
workflow: w
inputs:
  site: { type: string }
  device: { type: string, default: dev-1 }
  at: { type: time, default: "2026-03-01T02:30:00Z" }
  count: { type: integer, default: 1 }
schedules:
  - { cron: "30 2 * * SUN", timezone: Europe/Berlin, jitter: 10m, inputs: { site: berlin, at: "${{ run.trigger.nominal }}" } }
  - { id: often, cron: "@every 90s", overlap: replace, missed: all, inputs: { site: "${{ run.workflow }}", count: "${{ run.trigger.backfill ? 2 : 3 }}" } }
triggers:
  - twin: { where: twin.reported.level > 3 and twin.tags.site != nil, debounce: 5m }
    inputs: { site: "${{ twin.tags.site }}", device: "${{ run.trigger.device }}" }
  - webhook: { id: redeploy, secret: hookKey }
    inputs: { site: "${{ run.trigger.payload.site }}", count: "${{ run.trigger.payload.count ?? 1 }}" }
  - twin: { id: hot, hub: factory, where: now() > time("2026-01-01T00:00:00Z") }
    inputs: { site: x }
concurrency: { key: "${{ inputs.device }} at ${{ inputs.site }}", limit: 2, whenFull: reject }
steps: [ { log: x } ]
`

func TestWhatStartsAWorkflow(t *testing.T) {
	p := mustProgram(t, startSource)
	w := p.Workflow
	first, often := *w.Schedules[0], *w.Schedules[1]
	first.Inputs, often.Inputs = nil, nil
	if want := (Schedule{Pos: first.Pos, ID: "1", Cron: "30 2 * * SUN", Zone: "Europe/Berlin", Jitter: 10 * time.Minute, Overlap: OverlapSkip, Missed: MissedLatest}); !reflect.DeepEqual(first, want) {
		t.Errorf("the first schedule is %+v, want %+v", first, want)
	}
	if want := (Schedule{Pos: often.Pos, ID: "often", Cron: "@every 90s", Zone: "UTC", Overlap: OverlapReplace, Missed: MissedAll}); !reflect.DeepEqual(often, want) {
		t.Errorf("the second schedule is %+v, want %+v", often, want)
	}
	var ids []string
	for _, trigger := range w.Triggers {
		ids = append(ids, trigger.ID)
	}
	if got := strings.Join(ids, " "); got != "1 redeploy hot" || w.Triggers[1].Webhook.Secret != "hookKey" || w.Triggers[0].Twin.Debounce != 5*time.Minute {
		t.Errorf("the triggers are %s: %+v", got, w.Triggers)
	}
	if hubs, secrets := p.TriggerHubs(), p.TriggerSecrets(); len(hubs) != 1 || hubs[0].Name != "factory" || len(secrets) != 1 || secrets[0].Name != "hookKey" {
		t.Errorf("the triggers need the hubs %v and the secrets %v", hubs, secrets)
	}
	if len(p.Hubs()) != 0 || len(p.Secrets()) != 0 {
		t.Errorf("a run needs the hubs %v and the secrets %v, want none", p.Hubs(), p.Secrets())
	}
}

var startNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestScheduleInputs(t *testing.T) {
	p := mustProgram(t, startSource)
	inputs, err := p.ScheduleInputs(p.Workflow.Schedules[0], map[string]any{"kind": "schedule", "nominal": "2026-03-01T03:30:00+01:00"}, startNow)
	want := map[string]any{"site": "berlin", "device": "dev-1", "at": "2026-03-01T02:30:00.000Z", "count": 1.0}
	if err != nil || !reflect.DeepEqual(inputs, want) {
		t.Errorf("got %v, %v; want %v", inputs, err, want)
	}
	inputs, err = p.ScheduleInputs(p.Workflow.Schedules[1], map[string]any{"backfill": true}, startNow)
	if err != nil || inputs["site"] != "w" || inputs["count"] != 2.0 {
		t.Errorf("got %v, %v", inputs, err)
	}
	if _, err = p.ScheduleInputs(p.Workflow.Schedules[0], map[string]any{"nominal": "soon"}, startNow); err == nil || !strings.Contains(err.Error(), "input at: expected a time") {
		t.Errorf("a nominal time that is none: %v", err)
	}
	if _, err = p.ScheduleInputs(p.Workflow.Schedules[0], nil, startNow); err == nil || !strings.Contains(err.Error(), "inputs.at: ${{ run.trigger.nominal }} is null") {
		t.Errorf("no trigger: %v", err)
	}
}

func TestTriggerInputs(t *testing.T) {
	p := mustProgram(t, startSource)
	twin := map[string]any{"tags": map[string]any{"site": "munich"}}
	inputs, err := p.TriggerInputs(p.Workflow.Triggers[0], map[string]any{"device": "gw-7"}, twin, startNow)
	if err != nil || inputs["site"] != "munich" || inputs["device"] != "gw-7" {
		t.Errorf("got %v, %v", inputs, err)
	}
	inputs, err = p.TriggerInputs(p.Workflow.Triggers[1], map[string]any{"payload": map[string]any{"site": "berlin", "count": 7.0}}, nil, startNow)
	if err != nil || inputs["site"] != "berlin" || inputs["count"] != 7.0 {
		t.Errorf("got %v, %v", inputs, err)
	}
	for _, payload := range []any{nil, "text", 1.0, []any{}, map[string]any{"site": 7.0}, map[string]any{"site": nil}, map[string]any{"site": "x", "count": "many"}} {
		if inputs, err := p.TriggerInputs(p.Workflow.Triggers[1], map[string]any{"payload": payload}, nil, startNow); err == nil {
			t.Errorf("the payload %v gives %v", payload, inputs)
		}
	}
}

func TestHolds(t *testing.T) {
	p := mustProgram(t, startSource)
	twin := func(level any, tags map[string]any) map[string]any {
		return map[string]any{"reported": map[string]any{"level": level}, "tags": tags}
	}
	site := map[string]any{"site": "x"}
	tests := []struct {
		twin   map[string]any
		holds  bool
		broken bool
	}{
		{twin(4.0, site), true, false},
		{twin(3.0, site), false, false},
		{twin(nil, site), false, false},
		{twin(4.0, nil), false, false},
		{map[string]any{}, false, false},
		{nil, false, false},
		{twin("4", site), false, true},
	}
	for _, tt := range tests {
		holds, err := p.Holds(p.Workflow.Triggers[0], tt.twin, startNow)
		if holds != tt.holds || (err != nil) != tt.broken {
			t.Errorf("of %v: %v, %v; want %v", tt.twin, holds, err, tt.holds)
		}
	}
	if holds, err := p.Holds(p.Workflow.Triggers[2], nil, startNow); !holds || err != nil {
		t.Errorf("a condition over the time: %v, %v", holds, err)
	}
}

func TestSlot(t *testing.T) {
	p := mustProgram(t, startSource)
	slot, err := p.Slot(RunStart{Inputs: map[string]any{"device": "d", "site": "s"}}, startNow)
	if want := (Slot{Key: "d at s", Limit: 2, WhenFull: Reject}); err != nil || *slot != want {
		t.Errorf("got %+v, %v; want %+v", slot, err, want)
	}
	none := mustProgram(t, "version: 1\nworkflow: w\nsteps: [ { log: x } ]\n")
	if slot, err := none.Slot(RunStart{}, startNow); slot != nil || err != nil {
		t.Errorf("without concurrency: %+v, %v", slot, err)
	}
	blank := mustProgram(t, "version: 1\nworkflow: w\ninputs: { a: { type: string } }\nconcurrency: { key: \"${{ inputs.a }}\" }\nsteps: [ { log: x } ]\n")
	for _, a := range []any{"", "  ", nil} {
		if slot, err := blank.Slot(RunStart{Inputs: map[string]any{"a": a}}, startNow); err == nil {
			t.Errorf("the key %v gives %+v", a, slot)
		}
	}
	typed := mustProgram(t, "version: 1\nworkflow: w\nconcurrency: { key: 3.10 }\nsteps: [ { log: x } ]\n")
	slot, err = typed.Slot(RunStart{}, startNow)
	if want := (Slot{Key: "3.10", Limit: 1, WhenFull: Queue}); err != nil || *slot != want {
		t.Errorf("got %+v, %v; want %+v", slot, err, want)
	}
}

// TestZones holds what is suggested against what there is.
func TestZones(t *testing.T) {
	for _, name := range append(slices.Clone(zones()), "UTC") {
		if _, err := cron.Zone(name); err != nil {
			t.Error(err)
		}
	}
	if n := len(zones()); n < 400 {
		t.Errorf("%d zones", n)
	}
}

func TestPreviewOfWhatStarts(t *testing.T) {
	p := mustProgram(t, startSource)
	var b strings.Builder
	for _, line := range Preview(p, map[string]any{"site": "s", "device": "d", "at": "", "count": 1.0}, startNow) {
		if line.Action == "" {
			b.WriteString(line.Title + " [" + strings.Join(line.Details, "; ") + "]\n")
		}
	}
	const want = `concurrency [key: d at s; limit: 2; when full: reject]
schedule 1 [30 2 * * SUN in Europe/Berlin; overlap: skip, missed: latest; jitter: 10m; inputs: site: berlin, at: ${{ run.trigger.nominal }}]
schedule often [@every 90s in UTC; overlap: replace, missed: all; inputs: site: ${{ run.workflow }}, count: ${{ run.trigger.backfill ? 2 : 3 }}]
twin trigger 1 [where: twin.reported.level > 3 and twin.tags.site != nil; debounce: 5m; inputs: site: ${{ twin.tags.site }}, device: ${{ run.trigger.device }}]
webhook redeploy [inputs: site: ${{ run.trigger.payload.site }}, count: ${{ run.trigger.payload.count ?? 1 }}]
twin trigger hot [where: now() > time("2026-01-01T00:00:00Z"); hub: factory; inputs: site: x]
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
