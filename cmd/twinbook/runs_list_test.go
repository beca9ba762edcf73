package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// A line of a test's journal.
type line struct {
	id, workflow, device string
	began                time.Time
	took                 time.Duration // of one that has ended
	status               engine.Status
	retryOf              string
	standing             journal.Standing
}

func journalOf(t *testing.T, runs ...line) openJournal {
	t.Helper()
	j := openJournal{Journal: journal.NewMemory(), command: new(app).command}
	for _, r := range runs {
		start := &engine.RunStart{ID: r.id, Workflow: r.workflow, File: r.workflow + ".yaml", Hub: "desk", RetryOf: r.retryOf}
		events := []engine.Event{{Time: r.began, Kind: engine.RunStarted, Start: start}}
		if r.device != "" {
			events = append(events, engine.Event{Time: r.began, Kind: engine.StepStarted, At: "a#1", Device: r.device})
		}
		if r.status != "" {
			events = append(events, engine.Event{Time: r.began.Add(r.took), Kind: engine.RunEnded, End: &engine.Outcome{Status: r.status}})
		}
		if _, err := j.Begin(t.Context(), journal.Beginning{Events: events, Standing: r.standing}); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// listedRuns is the table of a journal's runs on a screen of so many columns (0: no terminal), of which the latest
// is left behind.
func listedRuns(t *testing.T, columns int, lines ...line) string {
	t.Helper()
	j := journalOf(t, lines...)
	runs, err := j.Runs(t.Context(), journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	runs[0].Driver = ""
	var out bytes.Buffer
	s := screen{w: &out}
	if columns > 0 {
		s.columns = func() int { return columns }
	}
	if err := writeRuns(t.Context(), j, s, runs, at("10:05:00")); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestListOfRuns(t *testing.T) {
	golden(t, "list", listedRuns(t, 0,
		line{id: "1bt4x5400aqk3f", workflow: "reboot", device: "myDevice", began: at("08:00:00").AddDate(0, 0, -40), took: 41 * time.Second, status: engine.Succeeded},
		line{id: "1dwr8p0001mz0c", workflow: "rollout", began: at("22:05:00").AddDate(0, 0, -1), took: time.Hour, status: engine.Failed},
		line{id: "1dwvmn400vf7sn", workflow: "reboot", device: "gateway-1", began: at("09:00:00"), took: 614 * time.Millisecond, status: engine.Cancelled},
		line{id: "1dwvr0800w5td2", workflow: "soak", device: "gateway-2", began: at("10:00:00"), standing: journal.Standing{Parked: true, Wake: at("10:00:00").AddDate(0, 0, 1)}},
		line{id: "1dwvr2k80hx91g", workflow: "reboot", device: "myDevice", began: at("10:01:00"), standing: journal.Standing{Parked: true, Alert: true, Wake: at("10:30:00")}},
		line{id: "1dwvr4x80b2nqe", workflow: "rollout", began: at("10:02:00"), standing: journal.Standing{Paused: true}},
		line{id: "1dwvr7780tk4mp", workflow: "configure", began: at("10:03:00")},
		line{id: "1dwvr7h80p3gtw", workflow: "rollout", began: at("10:03:10"), standing: journal.Standing{Parked: true, Approval: true, Wake: at("18:00:00")}},
		line{id: "1dwvr7yj0m8dke", workflow: "reboot", began: at("10:03:20"), standing: journal.Standing{Parked: true, Queued: true}},
		line{id: "1dwvr9h80xzc5a", workflow: "reboot", device: "tutorialDevice", began: at("10:04:00")},
	))
}

func TestListFitsTheTerminal(t *testing.T) {
	lines := []line{
		{id: "01kq8w3xk0aaaa", workflow: "reboot", device: "myDevice", began: at("08:00:00").AddDate(0, 0, -40), took: 41 * time.Second, status: engine.Succeeded},
		{id: "01kq8w3xk1aaaa", workflow: "\x1b[31mevil\nworkflow", device: "设备设备设备设备设备设备", began: at("08:00:00").AddDate(0, 0, -1), took: time.Hour, status: engine.Cancelled},
		{id: "01kq8w3xk2bbbb", workflow: "rollout-of-the-new-firmware", began: at("09:00:00"), took: 614 * time.Millisecond, status: engine.Failed},
		{id: "01kq8w3xk3cccc", workflow: "soak", began: at("10:00:00"), standing: journal.Standing{Parked: true, Wake: at("10:00:00").AddDate(0, 0, 1)}},
	}
	for name, columns := range map[string]int{"list-narrow": 72, "list-phone": 45, "list-watch": 24} {
		text := listedRuns(t, columns, lines...)
		golden(t, name, text)
		for row := range strings.Lines(text) {
			if w := width(strings.TrimSuffix(row, "\n")); w >= columns {
				t.Errorf("%d columns: %s", w, row)
			}
		}
	}
}

func TestListOfRetries(t *testing.T) {
	lines := []line{
		{id: "1dwvmn400vf7sn", workflow: "reboot", device: "gateway-1", began: at("09:00:00"), took: 614 * time.Millisecond, status: engine.Cancelled},
		{id: "1dwvr0800w5td2", workflow: "reboot", device: "gateway-1", began: at("09:10:00"), took: time.Second, status: engine.Failed, retryOf: "1dwvmn400vf7sn"},
		{id: "1dwvr2k80hx91g", workflow: "reboot", device: "gateway-1", began: at("09:20:00"), took: time.Second, status: engine.Succeeded, retryOf: "1dwvr0800w5td2"},
		{id: "1dwvr4x80b2nqe", workflow: "reboot", device: "gateway-1", began: at("09:30:00"), took: time.Second, status: engine.Succeeded, retryOf: "1dwv0000000000"},
		{id: "1dwvr7780tk4mp", workflow: "soak", began: at("10:03:00")},
	}
	golden(t, "list-retries", listedRuns(t, 0, lines...))
	golden(t, "list-retries-narrow", listedRuns(t, 60, lines...))
	var out bytes.Buffer
	a := &app{out: &out, err: &out}
	if err := a.listRuns(t.Context(), journalOf(t, lines...), listFlags{all: true, filterFlags: filterFlags{outcomes: []string{"failed"}}}, "json"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"retryOf": "1dwvmn400vf7sn"`, `"retry": "1dwvr2k80hx91g"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not in %s", want, out.String())
		}
	}
}

func TestListSaysWhatItLeavesOut(t *testing.T) {
	three := []line{}
	for i := range 3 {
		three = append(three, line{id: fmt.Sprintf("01kq8w3xk0aaa%d", i), workflow: "w", began: at("10:00:00"), status: engine.Succeeded})
	}
	for _, c := range []struct {
		name  string
		runs  []line
		flags listFlags
		said  string
		shown int
	}{
		{"none", nil, listFlags{limit: 50}, "no runs yet; twinbook run FILE makes the first\n", 0},
		{"none of a kind", three, listFlags{limit: 50, filterFlags: filterFlags{workflow: "other"}}, "no run meets this\n", 0},
		{"all", three, listFlags{limit: 3}, "", 4},
		{"some", three, listFlags{limit: 2}, "These are the latest 2; --all lists all of them, --limit N others than 2.\n", 3},
		{"more than the limit", three, listFlags{limit: 2, all: true}, "", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, said bytes.Buffer
			a := &app{out: &out, err: &said, outScreen: &out, env: func(string) (string, bool) { return "", false }}
			if err := a.listRuns(t.Context(), journalOf(t, c.runs...), c.flags, "text"); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(out.String(), "\n"); said.String() != c.said || got != c.shown {
				t.Errorf("%d lines, and %q; want %d, and %q", got, said.String(), c.shown, c.said)
			}
		})
	}
}

func TestPointInTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 10, 31, 2, 0, berlin)
	for text, want := range map[string]string{
		"2h":                   "2026-11-23T08:31:02+01:00",
		"7d":                   "2026-11-16T10:31:02+01:00",
		"2026-11-01":           "2026-11-01T00:00:00+01:00",
		"2026-07-01":           "2026-07-01T00:00:00+02:00",
		"2026-11-01 10:31":     "2026-11-01T10:31:00+01:00",
		"2026-11-01T10:31:00Z": "2026-11-01T10:31:00Z",
	} {
		got, err := record.PointInTime(text, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v, want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-2h", "2026-13-01", "\x1b[2J"} {
		if got, err := record.PointInTime(text, now); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "today 00:30"}, {time.Hour, "yesterday 23:30"}, {-24 * time.Hour, "tomorrow 00:30"}, {48 * time.Hour, "2026-02-27 00:30"},
	} {
		if got := when(now.Add(-c.ago), now); got != c.want {
			t.Errorf("%v ago is %q, want %q", c.ago, got, c.want)
		}
	}
}

func TestShortIDs(t *testing.T) {
	short := shortIDs([]string{"01kq8w3xkabcde", "01kq8w3xkxbcde", "01kq8w3y1abcde", "01kq8w3xk00000"})
	want := map[string]string{"01kq8w3xkabcde": "kabcde", "01kq8w3xkxbcde": "xbcde", "01kq8w3y1abcde": "1abcde", "01kq8w3xk00000": "00000"}
	for id, end := range want {
		if short[id] != end {
			t.Errorf("%s is %s in short, want %s", id, short[id], end)
		}
	}
	j := journalOf(t, line{id: "01kq8w3xkabcde", began: at("10:00:00")}, line{id: "abcde000000000", began: at("10:00:01")})
	if got, err := shortIn(t.Context(), j, "01kq8w3xkabcde", "abcde"); err != nil || got != "kabcde" {
		t.Errorf("%s, %v: want an end that no other id begins with", got, err)
	}
}

func TestEachRunReadsAllPages(t *testing.T) {
	j := journal.NewMemory()
	for i := range 2*record.PageOfRuns + 1 {
		start := &engine.RunStart{ID: fmt.Sprintf("%014d", i)}
		if _, err := j.Begin(t.Context(), journal.Beginning{Events: []engine.Event{{Time: at("10:00:00"), Kind: engine.RunStarted, Start: start}}}); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]int{0: 2*record.PageOfRuns + 1, 1: 1, record.PageOfRuns: record.PageOfRuns, record.PageOfRuns + 1: record.PageOfRuns + 1, 2 * record.PageOfRuns: 2 * record.PageOfRuns, 5000: 2*record.PageOfRuns + 1} {
		var ids []string
		for run, err := range record.Each(t.Context(), j, journal.Filter{Limit: limit}) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, run.ID)
		}
		slices.Reverse(ids)
		if len(ids) != want || !slices.IsSorted(ids) || len(slices.Compact(ids)) != want {
			t.Errorf("limit %d: %d runs, want %d, each once", limit, len(ids), want)
		}
	}
}

func TestRunCompletions(t *testing.T) {
	j := journalOf(t,
		line{id: "01kq8w3xkabcde", workflow: "reboot", began: at("09:00:00"), took: time.Second, status: engine.Failed},
		line{id: "01kq8w3xlxyzzy", workflow: "reboot", began: at("10:00:00")},
	)
	for _, c := range []struct {
		begun string
		args  []string
		lets  func(journal.Run) bool
		want  string
	}{
		{"", nil, nil, "xyzzy\treboot, running, began today 10:00|abcde\treboot, failed, began today 09:00"},
		{"ab", nil, nil, "abcde\treboot, failed, began today 09:00"},
		{"01", nil, hasNotEnded, "01kq8w3xlxyzzy\treboot, running, began today 10:00"},
		{"", []string{"abcde"}, hasEnded, ""},
	} {
		got, err := runCompletions(t.Context(), j, c.lets, c.args, c.begun, at("10:05:00"))
		if err != nil || strings.Join(got, "|") != c.want {
			t.Errorf("%q after %q: %q, %v, want %q", c.begun, c.args, got, err, c.want)
		}
	}
}

// finds counts how often it is asked for ids.
type finds struct {
	journal.Journal
	n int
}

func (f *finds) Find(ctx context.Context, short string) ([]string, error) {
	f.n++
	return f.Journal.Find(ctx, short)
}

// TestLongLists: a list of very many runs does not ask the journal about each of them.
func TestLongLists(t *testing.T) {
	j := &finds{Journal: journal.NewMemory()}
	runs := make([]journal.Run, longList)
	for i := range runs {
		runs[i].ID = journal.NewID(time.Unix(int64(i), 0))
	}
	short, err := shortIDsIn(t.Context(), j, runs)
	if err != nil || j.n != 0 || len(short) != len(runs) || short[runs[7].ID] != runs[7].ID {
		t.Errorf("%d asked, %d ids, %v", j.n, len(short), err)
	}
	if short, err = shortIDsIn(t.Context(), j, runs[:2]); err != nil || j.n != 2 || len(short[runs[1].ID]) >= len(runs[1].ID) {
		t.Errorf("two: %d asked, %q, %v", j.n, short, err)
	}
}

// TestOddWordsOfRecords: a journal that somebody else made does nothing to a terminal.
func TestOddWordsOfRecords(t *testing.T) {
	const odd = "\x1b[2Jodd"
	state, _ := stateWords(journal.Run{Status: odd}, time.Now())
	for _, text := range []string{state, failureText(&engine.Error{Kind: odd, Message: odd})} {
		if strings.ContainsRune(text, 0x1b) || !strings.Contains(text, "odd") {
			t.Errorf("%q", text)
		}
	}
}
