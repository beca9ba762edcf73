package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/internal/clock"
)

// A scheduleBench is a journal that has known schedules, and who asks about it.
type scheduleBench struct {
	t     *testing.T
	file  string
	store *journal.SQLite
	list  []schedule.Schedule
	began time.Time
	runs  atomic.Int64
}

func newScheduleBench(t *testing.T, specs ...string) *scheduleBench {
	t.Helper()
	b := &scheduleBench{t: t, began: time.Now().UTC(), file: filepath.Join(t.TempDir(), "journal.db")}
	var err error
	if b.store, err = journal.OpenSQLite(t.Context(), b.file, journal.Options{Poll: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	var reader schedule.Reader
	var states []journal.ScheduleState
	for i := 0; i < len(specs); i += 2 {
		s, err := reader.Known(journal.ScheduleState{ID: specs[i], Spec: specs[i+1]})
		if err != nil {
			t.Fatal(err)
		}
		b.list = append(b.list, s)
		states = append(states, journal.ScheduleState{ID: s.ID, Spec: s.Spec()})
	}
	if err := b.store.KnowSchedules(t.Context(), time.Now(), states); err != nil {
		t.Fatal(err)
	}
	return b
}

// Fire begins a run that has ended at once.
func (b *scheduleBench) Fire(ctx context.Context, s schedule.Schedule, nominal time.Time, backfill bool) error {
	now := time.Now().UTC()
	a := s.Admission(nominal, now, backfill)
	events := []engine.Event{
		{Kind: engine.RunStarted, Time: now, Start: &engine.RunStart{ID: fmt.Sprintf("1run%06d", b.runs.Add(1)), Workflow: s.Workflow}},
		{Kind: engine.RunEnded, Time: now, End: &engine.Outcome{Status: engine.Succeeded}},
	}
	_, err := b.store.Begin(ctx, journal.Beginning{Events: events, Marks: a.Marks, Fire: a.Fire, Slots: a.Slots})
	return err
}

// says holds what a command prints, to out and err together, against an expression.
func (b *scheduleBench) says(code int, want string, args ...string) string {
	b.t.Helper()
	var out, err bytes.Buffer
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"TWINBOOK_JOURNAL": b.file, "TWINBOOK_WORKFLOWS": "testdata/kill", "USER": "anna"}[name]
		return value, ok
	}
	if got := run(b.t.Context(), append([]string{"schedules"}, args...), strings.NewReader(""), &out, &err, env); got != code {
		b.t.Errorf("schedules %s: exit code %d, want %d: %s", strings.Join(args, " "), got, code, err.String())
	}
	if all := out.String() + err.String(); !regexp.MustCompile(want).MatchString(all) {
		b.t.Errorf("schedules %s says\n%s\nwhich does not meet %s", strings.Join(args, " "), all, want)
	}
	return out.String()
}

// ago is a day before the one on which the test has begun, in UTC.
func (b *scheduleBench) ago(days int) string {
	return b.began.AddDate(0, 0, -days).Format(time.DateOnly)
}

func TestSchedulesArePausedAndResumed(t *testing.T) {
	b := newScheduleBench(t, "nightly/main", "0 2 * * * Europe/Berlin", "site/1", "0 0 1 1 * UTC", "site/2", "@hourly UTC")
	b.says(0, `(?m)^nightly/main +0 2 \* \* \* Europe/Berlin +\S+ \d\d:\d\d CES?T +in no file any more$`, "list")
	b.says(0, `^schedule nightly/main is paused: its times pass without runs until twinbook schedules resume nightly/main\n$`, "pause", "nightly")
	b.says(0, `^schedule nightly/main is paused already, by anna@\S+ \S+ \d\d:\d\d\n$`, "pause", "nightly/main")
	b.says(0, `(?m)^nightly/main +0 2 \* \* \* Europe/Berlin +paused by anna@\S+ \S+ \d\d:\d\d$`, "list")
	b.says(2, `^twinbook: workflow site has several schedules; name one of them: site/1, site/2\n$`, "pause", "nightly/main", "site")
	b.says(2, `^twinbook: no server that keeps its runs in \S+ has had a schedule "nothing"; twinbook schedules list shows those that there are\n$`, "resume", "nothing")
	b.says(0, `^schedule nightly/main runs again, next \S+ \d\d:\d\d CES?T\nschedule site/1 is not paused\n$`, "resume", "nightly/main", "site/1", "nightly/main")
	var shown struct{ Schedules []listedScheduleJSON }
	if err := json.Unmarshal([]byte(b.says(0, "", "pause", "site/1", "--output", "json")), &shown); err != nil || len(shown.Schedules) != 1 || !shown.Schedules[0].Paused {
		t.Errorf("%+v, %v", shown, err)
	}
	trail, err := b.store.AuditTrail(t.Context(), journal.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, e := range trail {
		if !strings.HasPrefix(e.Who, "anna@") || e.Result != "done" {
			t.Errorf("%+v", e)
		}
		did = append(did, e.Action+" "+e.Target)
	}
	if got, want := strings.Join(did, ", "), "schedules.pause site/1, schedules.resume nightly/main, schedules.pause nightly/main"; got != want {
		t.Errorf("the audit trail has %s, want %s", got, want)
	}
}

func TestSchedulesSayWhatTheyBegan(t *testing.T) {
	b := newScheduleBench(t, "nightly/main", "0 2 * * * UTC", "late/1", "* * * * * UTC")
	nominal := b.began.Truncate(24 * time.Hour).Add(-22 * time.Hour)
	if err := b.Fire(t.Context(), b.list[0], nominal, false); err != nil {
		t.Fatal(err)
	}
	b.says(0, `(?m)^nightly/main +0 2 \* \* \* UTC +\S+ \d\d:\d\d UTC +\S+ 02:00 UTC +00001 succeeded +in no file any more$`, "list")
	var shown struct{ Schedules []listedScheduleJSON }
	if err := json.Unmarshal([]byte(b.says(0, "", "list", "--output", "json")), &shown); err != nil || len(shown.Schedules) != 2 {
		t.Fatalf("%+v, %v", shown, err)
	}
	if s := shown.Schedules[1]; s.ID != "nightly/main" || s.Last == nil || !s.Last.Nominal.Equal(nominal) || s.Last.Run != "1run000001" || s.Last.State != "succeeded" {
		t.Errorf("%+v, last %+v", s, s.Last)
	}
	if err := b.store.Remove(t.Context(), "1run000001"); err != nil {
		t.Fatal(err)
	}
	b.says(0, `(?m)^nightly/main .* \S+ 02:00 UTC +in no file any more$`, "list")
	row := scheduleRow{Schedule: b.list[1], state: journal.ScheduleState{ID: "late/1", Spec: b.list[1].Spec(), Done: nominal}}
	if words, _ := row.words(nominal.Add(time.Hour)); !strings.HasPrefix(words, "not begun since ") {
		t.Errorf("a schedule without a server: %q", words)
	}
}

// TestBackfillReachesTheServer: the command line asks, and a server on the same journal begins the runs.
func TestBackfillReachesTheServer(t *testing.T) {
	b := newScheduleBench(t, "nightly/main", "0 2 * * * UTC", "minutes/1", "* * * * * UTC")
	if err := b.Fire(t.Context(), b.list[0], b.began.Truncate(24*time.Hour).Add(-46*time.Hour), false); err != nil {
		t.Fatal(err)
	}
	span := b.ago(3) + ".." + b.ago(1)
	b.says(0, `UTC +NOTE\n.* `+b.ago(3)+` 02:00 UTC\n.* `+b.ago(2)+` 02:00 UTC +begun already, as run 1run000001\n.* `+b.ago(1)+` 02:00 UTC\n`+
		`schedule nightly/main has 3 times then, 1 of them begun already; without --dry-run the server begins 2 runs\n$`, "backfill", "nightly", span, "--dry-run")
	b.says(2, `^twinbook: schedule minutes/1 has more than 10000 times from `, "backfill", "minutes/1", b.ago(30)+".."+b.ago(1))
	b.says(2, `^twinbook: a backfill is for times that have passed`, "backfill", "nightly", b.ago(3)+".."+b.ago(-2))
	b.says(2, `^twinbook: "yesterday" is no time from..to; write it like `, "backfill", "nightly", "yesterday")
	b.says(0, `^schedule nightly/main has 1 time then, and runs have been begun for all of them: there is nothing to make up for\n$`, "backfill", "nightly", b.ago(2)+".."+b.ago(2))
	b.says(0, `^schedule minutes/1 has no backfills to stop\n$`, "backfill", "minutes/1", "--stop")
	b.says(0, `; the server begins 10 runs, the earliest first; twinbook schedules backfill minutes/1 --stop ends that\n$`, "backfill", "minutes/1", b.ago(1)+"T00:00.."+b.ago(1)+"T00:09")
	b.says(0, `; the server begins 1 run; twinbook`, "backfill", "minutes/1", b.ago(1)+"T00:20.."+b.ago(1)+"T00:20")
	b.says(0, `^2 backfills of schedule minutes/1 stopped: `, "backfill", "minutes/1", "--stop")
	b.says(0, `(?m)^schedule nightly/main is paused: `, "pause", "nightly")
	b.says(0, `1 of them begun already; the server begins 2 runs, .*\nthe schedule is paused, by anna@\S+ \S+ \d\d:\d\d: the server begins them when it is resumed\n$`, "backfill", "nightly", span)
	b.says(0, `(?m)^nightly/main .* paused by anna@\S+ \S+ \d\d:\d\d, 1 backfill$`, "list")

	begun := make(chan schedule.Fired, 10)
	book := schedule.New(schedule.Config{Store: b.store, Starter: b, Clock: clock.Real(), Observe: func(f schedule.Fired) { begun <- f }})
	book.Replace(b.list[:1])
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- book.Run(ctx) }()
	b.says(0, `^schedule nightly/main runs again`, "resume", "nightly")
	for _, day := range []int{3, 2, 1} {
		select {
		case f := <-begun:
			if !f.Backfill || f.Nominal.Format(time.DateOnly) != b.ago(day) || (f.Err != nil) != (day == 2) {
				t.Errorf("%+v, want the time of %s", f, b.ago(day))
			}
		case <-time.After(patience):
			t.Fatalf("no run for %s", b.ago(day))
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTimesAreByTheSchedulesClocks, as those beside them, wherever the machine is, also as to which day is today, and with seconds where there are some.
func TestTimesAreByTheSchedulesClocks(t *testing.T) {
	now := time.Date(2026, 1, 31, 22, 30, 5, 0, time.FixedZone("here", -3600))
	for spec, want := range map[string]string{
		"30 2 * * * Europe/Berlin": "today 02:30 CET",
		"0 0 * * * UTC":            "tomorrow 00:00 UTC",
		"@every 10s Europe/Berlin": "today 00:30:10 CET",
	} {
		s, err := new(schedule.Reader).Known(journal.ScheduleState{ID: "w/1", Spec: spec})
		if err != nil {
			t.Fatal(err)
		}
		next, _ := s.Next(now)
		if got := scheduleWhen(s, next.Due, now); got != want {
			t.Errorf("%s is next %s, want %s", spec, got, want)
		}
	}
}
