package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// TestEveryVersion opens files as each version of this program wrote them. Whoever adds a migration adds the file of
// its version, with UPDATE=1 in the environment, which writes the newest one; older ones are never written again.
func TestEveryVersion(t *testing.T) {
	migrations, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(migrations) == 0 {
		t.Fatal(migrations, err)
	}
	for i := range migrations {
		version := i + 1
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			old := filepath.Join("testdata", fmt.Sprintf("version-%d.db", version))
			if os.Getenv("UPDATE") != "" && version == len(migrations) {
				writeVersion(t, old)
			}
			content, err := os.ReadFile(old)
			if err != nil {
				t.Fatalf("%v: a file of each version must be kept; UPDATE=1 go test writes that of the newest", err)
			}
			file := filepath.Join(t.TempDir(), "journal.db")
			write(t, file, content)
			j := open(t, file, journal.Options{})
			if version > 1 {
				readAdmission(t, j)
			}
			readVersion(t, j)
		})
	}
}

var versionTime = time.Date(2026, 11, 23, 8, 0, 0, 1, time.UTC)

// writeVersion writes a journal that has something of everything.
func writeVersion(t *testing.T, file string) {
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	j := open(t, file, journal.Options{})
	sources := []journal.Source{{File: "a.yaml", Text: []byte("version: 1\n")}, {File: "b.yaml", Text: []byte("version: 1\n")}}
	for i, id := range []string{"ended", "parked", "paused", "child"} {
		start := &engine.RunStart{ID: id, Workflow: "w", File: "a.yaml", Hash: "h", Hub: "desk", Inputs: map[string]any{"n": float64(i)}}
		if id == "child" {
			start.Parent, start.Key = "ended", "dev-1"
		}
		if id == "paused" {
			start.RetryOf = "ended"
		}
		events := []engine.Event{
			{Time: versionTime.Add(time.Duration(i)), Kind: engine.RunStarted, Start: start},
			{Time: versionTime, Kind: engine.StepStarted, At: "a#1", Device: "dev-1", Params: map[string]any{"method": "reboot"}},
		}
		if _, err := j.Begin(t.Context(), journal.Beginning{Events: events, Sources: sources}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		run      string
		event    engine.Event
		standing journal.Standing
	}{
		{"ended", engine.Event{Time: versionTime, Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Failed, Error: &engine.Error{Kind: engine.KindTimeout}}}, journal.Standing{}},
		{"parked", engine.Event{Time: versionTime, Kind: engine.StepDone, At: "b#1", Value: map[string]any{"x": []any{1.5, nil}}}, journal.Standing{Parked: true, Wake: versionTime, Alert: true}},
		{"paused", engine.Event{Time: versionTime, Kind: engine.PauseRequested, By: "me"}, journal.Standing{Paused: true}},
	} {
		if err := j.Append(t.Context(), c.run, []engine.Event{c.event}, c.standing); err != nil {
			t.Fatal(err)
		}
	}
	writeAdmission(t, j)
	if err := j.Ask(t.Context(), journal.Request{Run: "parked", Kind: engine.CancelRequested, Reason: "r", By: "me", Time: versionTime}); err != nil {
		t.Fatal(err)
	}
	j.See("parked", journal.Sight{At: "a#1", Text: "offline", Since: versionTime})
	for sights := []journal.Sight{}; len(sights) == 0; time.Sleep(10 * time.Millisecond) {
		var err error
		if sights, err = j.Sights(t.Context(), "parked"); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// writeAdmission adds what came with version 2.
func writeAdmission(t *testing.T, j *journal.SQLite) {
	ctx := t.Context()
	if err := j.KnowSchedules(ctx, versionTime, []journal.ScheduleState{{ID: "w/1", Spec: "@daily UTC"}}); err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"holds", "waits"} {
		b := asking(id, func(b *journal.Beginning) {
			b.Events[0].Time = versionTime.Add(-time.Hour)
			b.Marks = []journal.Mark{{Scope: "api", Name: id, Until: versionTime.AddDate(100, 0, 0)}}
			b.Fire = &journal.Fire{Schedule: "w/1", Nominal: versionTime.Add(time.Duration(i) * time.Hour)}
			b.Slots = []engine.Slot{{Key: "k", Limit: 1, WhenFull: engine.Queue}, {Key: "k2", Limit: 3, WhenFull: engine.Replace}}
		})
		if queued, err := j.Begin(ctx, b); err != nil || queued != (i == 1) {
			t.Fatal(queued, err)
		}
	}
	if err := j.Ask(ctx, journal.Request{Run: "waits", Kind: engine.SignalReceived, At: "ok#1", Signal: &engine.Signal{Name: "go", Roles: []string{"admin"}}, Time: versionTime}); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(ctx, "holds", nil, journal.Standing{Parked: true, Approval: true}); err != nil {
		t.Fatal(err)
	}
	if err := j.PauseSchedule(ctx, "w/1", true, "me", versionTime); err != nil {
		t.Fatal(err)
	}
	if _, err := j.AskBackfill(ctx, "w/1", journal.Backfill{From: versionTime, To: versionTime, By: "me", Asked: versionTime}); err != nil {
		t.Fatal(err)
	}
	j.Audit(journal.AuditEntry{Time: versionTime, Who: "me", Roles: []string{"admin"}, From: "::1", Action: "runs.start", Target: "holds", Detail: "d", Result: "done"})
}

// readAdmission reads all that writeAdmission has written, and brings its runs to their ends.
func readAdmission(t *testing.T, j *journal.SQLite) {
	ctx := t.Context()
	var taken *journal.TakenError
	if err := j.Mark(ctx, journal.Mark{Scope: "api", Name: "waits", Time: versionTime}); !errors.As(err, &taken) || taken.Mark.Run != "waits" {
		t.Errorf("mark: %v", err)
	}
	schedules, err := j.Schedules(ctx)
	if want := []journal.ScheduleState{{
		ID: "w/1", Spec: "@daily UTC", Since: versionTime, Done: versionTime.Add(time.Hour), Paused: true, By: "me", Changed: versionTime,
		Backfills: []journal.Backfill{{ID: 1, From: versionTime, To: versionTime, By: "me", Asked: versionTime}},
	}}; err != nil || !reflect.DeepEqual(schedules, want) {
		t.Errorf("schedules %+v, %v, want %+v", schedules, err, want)
	}
	audit, err := j.AuditTrail(ctx, journal.AuditFilter{})
	if want := []journal.AuditEntry{{
		Seq: 1, Time: versionTime, Who: "me", Roles: []string{"admin"}, From: "::1", Action: "runs.start", Target: "holds", Detail: "d", Result: "done",
	}}; err != nil || !reflect.DeepEqual(audit, want) {
		t.Errorf("audit trail %+v, %v, want %+v", audit, err, want)
	}
	wishes, err := j.Wishes(ctx, "waits")
	if err != nil || len(wishes) != 1 || wishes[0].At != "ok#1" || wishes[0].Signal == nil || wishes[0].Signal.Roles[0] != "admin" {
		t.Errorf("wishes %+v, %v", wishes, err)
	}
	if counts, err := j.Counts(ctx); err != nil || counts != (journal.Counts{Unfinished: 5, Queued: 1, Parked: 3, Approval: 1, Orphans: 5}) {
		t.Errorf("counts %+v, %v", counts, err)
	}
	if holders, err := j.Holders(ctx, "waits"); err != nil || len(holders) != 1 || !slices.Equal(holders[0].Runs, []string{"holds"}) {
		t.Errorf("holders %+v, %v", holders, err)
	}
	for _, id := range []string{"holds", "waits"} {
		if err := j.Claim(ctx, id); err != nil {
			t.Fatal(err)
		}
		if run, err := j.Run(ctx, id); err != nil || run.Standing != map[string]journal.Standing{"holds": {Parked: true, Approval: true}, "waits": {Parked: true, Queued: true}}[id] {
			t.Errorf("run %+v, %v", run, err)
		}
		if err := j.Append(ctx, id, ended(), journal.Standing{}); err != nil {
			t.Fatal(err)
		}
		if wishes, err := j.Wishes(ctx, "waits"); id == "holds" && (err != nil || len(wishes) != 2 || wishes[1].Kind != engine.RunAdmitted) {
			t.Errorf("wishes %+v, %v", wishes, err)
		}
	}
	if err := j.Remove(ctx, "holds", "waits"); err != nil {
		t.Error(err)
	}
}

// readVersion reads all that writeVersion has written, and goes on with it.
func readVersion(t *testing.T, j *journal.SQLite) {
	ctx := t.Context()
	if got := adopted(t, j); got != "paused child parked" {
		t.Errorf("adopted %q", got)
	}
	for id, want := range map[string]journal.Run{
		"ended":  {Ended: versionTime, Status: engine.Failed, Started: versionTime},
		"parked": {Started: versionTime.Add(1), Standing: journal.Standing{Parked: true, Wake: versionTime, Alert: true}},
		"paused": {Started: versionTime.Add(2), Standing: journal.Standing{Paused: true}, RetryOf: "ended"},
		"child":  {Started: versionTime.Add(3), Parent: "ended", Key: "dev-1"},
	} {
		got, err := j.Run(ctx, id)
		if id == "ended" {
			want.Retry = "paused"
		}
		if id == "parked" {
			want.Wish = engine.CancelRequested
		}
		want.ID, want.Workflow, want.File, want.Hash, want.Hub, want.Device = id, "w", "a.yaml", "h", "desk", "dev-1"
		want.Program, want.Driver = got.Program, got.Driver
		if err != nil || got != want || got.Program == "" {
			t.Errorf("run %+v, %v, want %+v", got, err, want)
		}
		sources, err := j.Sources(ctx, id)
		if err != nil || len(sources) != 2 || sources[1].File != "b.yaml" || !bytes.Equal(sources[1].Text, []byte("version: 1\n")) {
			t.Errorf("sources %q, %v", sources, err)
		}
	}
	events, err := j.Events(ctx, "parked", 0)
	if err != nil || len(events) != 3 || events[1].Params["method"] != "reboot" || events[2].Value.(map[string]any)["x"].([]any)[0] != 1.5 {
		t.Errorf("events %+v, %v", events, err)
	}
	if counts, err := j.Children(ctx, "ended"); err != nil || counts[""] != 1 {
		t.Errorf("children %v, %v", counts, err)
	}
	if sights, err := j.Sights(ctx, "parked"); err != nil || len(sights) != 1 || sights[0] != (journal.Sight{At: "a#1", Text: "offline", Since: versionTime}) {
		t.Errorf("sights %+v, %v", sights, err)
	}
	heard := make(chan journal.Request, 10)
	defer j.Listen(func(r journal.Request) { heard <- r })()
	if r := hear(t, heard); r != (journal.Request{ID: r.ID, Run: "parked", Kind: engine.CancelRequested, Reason: "r", By: "me", Time: versionTime}) {
		t.Errorf("heard %+v", r)
	}
	begin(t, j, "new", journal.Standing{})
	for _, id := range []string{"child", "parked", "paused", "new"} {
		if err := j.Append(ctx, id, ended(), journal.Standing{}); err != nil {
			t.Error(err)
		}
	}
	if err := j.Remove(ctx, "ended", "parked", "paused", "new"); err != nil {
		t.Error(err)
	}
}
