package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// An aftermath holds what servers have left behind against what must be, however often they were killed.
type aftermath struct {
	t       *testing.T
	witness *witness
	dir     string
	servers []*serving        // that live
	granted map[string]string // runs by the keys they were asked for with
}

var schedulesFiring = []string{"allow", "queue", "skip", "replace"}

// settle stops the schedules and waits until no run is unfinished.
func (k *aftermath) settle() {
	k.t.Helper()
	url := k.servers[0].url + "/api/v1/"
	for _, name := range schedulesFiring {
		if status, err := do("POST", url+"schedules/"+name+"/second/pause", "", nil); err != nil || status/100 != 2 {
			k.t.Fatalf("pausing %s: %d, %v", name, status, err)
		}
	}
	awaitNoRuns(k.t, k.servers[0])
}

// check reads the journal, which no process has open any more.
func (k *aftermath) check() {
	k.t.Helper()
	ctx := k.t.Context()
	j, err := journal.OpenSQLite(ctx, filepath.Join(k.dir, "journal.db"), journal.Options{})
	if err != nil {
		k.t.Fatal(err)
	}
	defer j.Close()
	fired, asked := map[string][]time.Time{}, map[string]string{}
	interrupted := 0
	for run, err := range record.Each(ctx, j, journal.Filter{}) {
		if err != nil {
			k.t.Fatal(err)
		}
		events, err := j.Events(ctx, run.ID, 0)
		if err != nil {
			k.t.Fatal(err)
		}
		start := events[0].Start
		path := "/busy/" + fmt.Sprint(start.Inputs["key"])
		if key, ok := start.Inputs["key"].(string); !ok {
			trigger := start.Trigger.(map[string]any)
			nominal, err := time.Parse(time.RFC3339, trigger["nominal"].(string))
			if err != nil {
				k.t.Fatal(err)
			}
			fired[run.Workflow] = append(fired[run.Workflow], nominal)
			path = fmt.Sprintf("/%s/%s", run.Workflow, trigger["nominal"])
		} else if other := asked[key]; other != "" {
			k.t.Errorf("two runs were begun for the key %s: %s and %s", key, other, run.ID)
		} else {
			asked[key] = run.ID
		}
		if k.checkRun(run, events, path) {
			interrupted++
		}
	}
	for key, run := range k.granted {
		if asked[key] != run {
			k.t.Errorf("the run %s was granted for %s; the journal has %q", run, key, asked[key])
		}
	}
	n := 0
	for _, name := range schedulesFiring {
		n += len(fired[name])
		k.checkFires(name, fired[name])
	}
	k.checkSlots(ctx, j)
	k.t.Logf("%d runs that were asked for, %d of schedules, %d interrupted", len(asked), n, interrupted)
}

// checkRun: it has ended, its effect happened as often as it says, and it was in nobody's way.
func (k *aftermath) checkRun(run journal.Run, events []engine.Event, path string) (interrupted bool) {
	k.t.Helper()
	sent, answered := false, false
	for _, e := range events {
		switch {
		case e.Kind == engine.StepStarted && e.Params["url"] != nil:
			sent = true
		case e.Kind == engine.StepDone && e.Error == nil && !e.Kept && e.Value != nil:
			answered = true
		case e.Kind == engine.StepDone && e.Error != nil && e.Error.Kind == engine.KindInterrupted:
			interrupted = true
		}
	}
	calls := k.witness.calls[path]
	switch {
	case run.Status != engine.Succeeded && !(run.Status == engine.Cancelled && run.Workflow == "replace"):
		k.t.Errorf("run %s of %s is %q:\n%s", run.ID, run.Workflow, run.Status, journalText(events))
	case calls > 1, calls == 1 && !sent, calls == 0 && answered && !interrupted && run.Status == engine.Succeeded:
		k.t.Errorf("%s was called %d times:\n%s", path, calls, journalText(events))
	}
	return interrupted
}

// checkFires: no time has two runs, and where each has one, none is missing.
func (k *aftermath) checkFires(name string, at []time.Time) {
	k.t.Helper()
	slices.SortFunc(at, time.Time.Compare)
	if len(at) < 2 && name != "skip" { // of which servers that die soon after one another begin few
		k.t.Errorf("schedule %s fired %d times", name, len(at))
	}
	for i := 1; i < len(at); i++ {
		gap := at[i].Sub(at[i-1])
		if gap == 0 || gap != time.Second && name != "skip" {
			k.t.Errorf("schedule %s fired for %s and then for %s", name, at[i-1], at[i])
		}
	}
}

// checkSlots: no more runs were under way at a time than there are places, and nobody holds one any more.
func (k *aftermath) checkSlots(ctx context.Context, j *journal.SQLite) {
	k.t.Helper()
	for name, limit := range map[string]int{"busy": 2, "queue": 1, "skip": 1, "replace": 1} {
		if most := k.witness.most[name]; most > limit {
			k.t.Errorf("%d runs of %s were under way at the same time, and there are %d places", most, name, limit)
		}
		key := "schedule " + name + "/second"
		if name == "busy" {
			key = name
		}
		for n := range limit {
			id := fmt.Sprintf("%s-%d", name, n)
			queued, err := j.Begin(ctx, journal.Beginning{
				Events: []engine.Event{{Time: time.Now(), Kind: engine.RunStarted, Start: &engine.RunStart{ID: id, Workflow: "probe"}}},
				Slots:  []engine.Slot{{Key: key, Limit: limit, WhenFull: engine.Reject}},
			})
			if err != nil || queued {
				k.t.Errorf("place %d of %s is still taken: %v", n+1, key, err)
			}
		}
	}
}
