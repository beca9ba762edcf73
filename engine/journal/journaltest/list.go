package journaltest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// Ten runs, a minute apart: r0 to r9, of two workflows, with three devices, some ended.
func tenRuns(t *testing.T, j journal.Journal) {
	for i := range 10 {
		e := begun(fmt.Sprint("r", i))
		e.Time = start.Add(time.Duration(i) * time.Minute)
		e.Start.Workflow = []string{"reboot", "update"}[i%2]
		e.Start.RetryOf = fmt.Sprint("r", i-1)
		if _, err := j.Begin(t.Context(), beginning(e)); err != nil {
			t.Fatal(err)
		}
		begun := engine.Event{Time: e.Time, Kind: engine.StepStarted, At: "a#1", Device: fmt.Sprint("dev-", i%3)}
		add(t, j, fmt.Sprint("r", i), begun, begun)
		end := ended()
		end.End = &engine.Outcome{Status: []engine.Status{engine.Succeeded, engine.Failed, engine.Cancelled}[i/2%3]}
		if i < 8 && i != 3 {
			add(t, j, fmt.Sprint("r", i), end) // 0 1 6 7 well, 2 failed, 4 5 cancelled
		}
	}
}

func runsAreFiltered(t *testing.T, j journal.Journal) {
	tenRuns(t, j)
	list := func(s ...engine.Status) []engine.Status { return s }
	want(t, j, journal.Filter{}, "r9 r8 r7 r6 r5 r4 r3 r2 r1 r0")
	want(t, j, journal.Filter{Workflow: "update"}, "r9 r7 r5 r3 r1")
	want(t, j, journal.Filter{Workflow: "nothing"}, "")
	want(t, j, journal.Filter{Unfinished: true}, "r9 r8 r3")
	want(t, j, journal.Filter{Statuses: list(engine.Succeeded)}, "r7 r6 r1 r0")
	want(t, j, journal.Filter{Statuses: list(engine.Failed, engine.Cancelled)}, "r5 r4 r2")
	want(t, j, journal.Filter{Statuses: list(engine.Failed), Unfinished: true}, "r9 r8 r3 r2")
	want(t, j, journal.Filter{Statuses: list("it's")}, "")
	want(t, j, journal.Filter{Device: "dev-1"}, "r7 r4 r1")
	want(t, j, journal.Filter{Device: "dev"}, "")
	want(t, j, journal.Filter{Device: "dev-0", Unfinished: true}, "r9 r3")
	want(t, j, journal.Filter{Since: start.Add(6 * time.Minute)}, "r9 r8 r7 r6")
	want(t, j, journal.Filter{Since: start.Add(6*time.Minute + 1)}, "r9 r8 r7")
	want(t, j, journal.Filter{Parent: "r1"}, "")
	want(t, j, journal.Filter{Workflow: "reboot", Device: "dev-0", Since: start, Statuses: list(engine.Succeeded)}, "r6 r0")
	if got := line(t, j, "r4"); got.RetryOf != "r3" || got.Workflow != "reboot" || !got.Started.Equal(start.Add(4*time.Minute)) {
		t.Errorf("run %+v", got)
	}
}

func runsComeInPages(t *testing.T, j journal.Journal) {
	tenRuns(t, j)
	want(t, j, journal.Filter{Limit: 3}, "r9 r8 r7")
	want(t, j, journal.Filter{Limit: 3, After: "r7"}, "r6 r5 r4")
	want(t, j, journal.Filter{Limit: 3, After: "r2"}, "r1 r0")
	want(t, j, journal.Filter{After: "r0"}, "")
	want(t, j, journal.Filter{Limit: 2, After: "r8", Workflow: "update"}, "r7 r5")
	want(t, j, journal.Filter{Limit: 2, After: "r6", Device: "dev-0"}, "r3 r0")
	want(t, j, journal.Filter{Limit: 2, Unfinished: true}, "r9 r8")
	want(t, j, journal.Filter{Limit: 2, Unfinished: true, After: "r8"}, "r3")
	if _, err := j.Runs(t.Context(), journal.Filter{After: "nobody"}); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("after nobody: %v, want ErrNotFound", err)
	}
	for i := range 3 { // at one time: the latest is the one that was begun last
		begin(t, j, fmt.Sprint("s", i))
	}
	want(t, j, journal.Filter{Limit: 2, After: "s2"}, "s1 s0")
	want(t, j, journal.Filter{After: "s1"}, "s0 r0")
}

func idsCanBeShort(t *testing.T, j journal.Journal) {
	for i, id := range []string{"abc1", "abd1", "b%c2", "b_c3", "abc"} {
		e := begun(id)
		e.Time = start.Add(time.Duration(i))
		if _, err := j.Begin(t.Context(), beginning(e)); err != nil {
			t.Fatal(err)
		}
	}
	find := func(short, want string) {
		t.Helper()
		ids, err := j.Find(t.Context(), short)
		if err != nil || ids == nil || fmt.Sprint(ids) != want {
			t.Errorf("find %q: %v, %v, want %s", short, ids, err, want)
		}
	}
	find("ab", "[abc abd1 abc1]")
	find("1", "[abd1 abc1]")
	find("abc", "[abc abc1]")
	find("abc1", "[abc1]")
	find("ABC1", "[]")
	find("b%", "[b%c2]")
	find("_", "[]")
	find("", "[abc b_c3 b%c2 abd1 abc1]")
	for i := range 12 {
		begin(t, j, fmt.Sprint("x", i))
	}
	if ids, err := j.Find(t.Context(), "x"); err != nil || len(ids) != 10 {
		t.Errorf("find x: %v, %v, want ten", ids, err)
	}
}
