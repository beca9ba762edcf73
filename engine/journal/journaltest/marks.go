package journaltest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

// marked is a beginning with marks.
func marked(id string, marks ...journal.Mark) journal.Beginning {
	b := beginning(begun(id))
	b.Marks = marks
	return b
}

// wantTaken holds an error against the mark that must be in it.
func wantTaken(t *testing.T, err error, want journal.Mark) {
	t.Helper()
	var taken *journal.TakenError
	if !errors.As(err, &taken) || taken.Mark != want {
		t.Errorf("error %v, want TakenError with %+v", err, want)
	}
}

func wantMarks(t *testing.T, j Journal, scope, want string) {
	t.Helper()
	names := []string{}
	for m, err := range j.Marks(t.Context(), scope) {
		if err != nil || m.Scope != scope {
			t.Fatalf("mark %+v, %v", m, err)
		}
		names = append(names, m.Name)
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("marks of %q: %q, want %q", scope, got, want)
	}
	if last, err := j.LatestMark(t.Context(), scope); err != nil || !strings.HasSuffix(want, last.Name) || (last.Name == "") != (want == "") {
		t.Errorf("the latest mark of %q: %+v, %v, want the last of %q", scope, last, err, want)
	}
}

func marksAreSetOnce(t *testing.T, j Journal) {
	begins := func(b journal.Beginning) error {
		_, err := j.Begin(t.Context(), b)
		return err
	}
	a, b := journal.Mark{Scope: "api", Name: "a"}, journal.Mark{Scope: "api", Name: "b"}
	if err := begins(marked("r1", a, journal.Mark{Scope: "hook", Name: "a", Note: "n", Time: start.Add(1)})); err != nil {
		t.Fatal(err)
	}
	err := begins(marked("r2", b, a))
	wantTaken(t, err, journal.Mark{Scope: "api", Name: "a", Run: "r1", Time: start})
	if want := "a in api has been begun already, as run r1"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	want(t, j, journal.Filter{}, "r1")
	wantMarks(t, j, "api", "a") // and not b, which was asked for together with one that was taken
	wantTaken(t, begins(marked("r3", journal.Mark{Scope: "hook", Name: "a"})), journal.Mark{Scope: "hook", Name: "a", Run: "r1", Note: "n", Time: start.Add(1)})
	if err := begins(marked("r1", b)); !errors.Is(err, journal.ErrExists) {
		t.Errorf("%v, want ErrExists", err)
	}
	wantMarks(t, j, "api", "a")
	if err := begins(marked("r4", b)); err != nil {
		t.Error(err)
	}
	add(t, j, "r1", ended())
	if err := j.Remove(t.Context(), "r1"); err != nil { // a mark outlives its run
		t.Fatal(err)
	}
	wantTaken(t, begins(marked("r5", a)), journal.Mark{Scope: "api", Name: "a", Run: "r1", Time: start})
	for _, m := range []journal.Mark{{Scope: "api"}, {Name: "x"}} {
		if err := begins(marked("r6", m)); err == nil {
			t.Errorf("a run was begun with %+v", m)
		}
	}
}

func marksWithoutRuns(t *testing.T, j Journal) {
	ctx := t.Context()
	skipped := journal.Mark{Scope: "schedule s", Name: "2026-03-01T02:00:00Z", Note: "the run before has not ended", Time: start}
	if err := j.Mark(ctx, skipped); err != nil {
		t.Fatal(err)
	}
	err := j.Mark(ctx, skipped)
	wantTaken(t, err, skipped)
	if want := skipped.Name + " in schedule s has been dealt with already: the run before has not ended"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	_, err = j.Begin(ctx, marked("r1", skipped))
	wantTaken(t, err, skipped)
	for i := range 3 {
		if err := j.Mark(ctx, journal.Mark{Scope: "twin t", Name: fmt.Sprint("dev-", 2-i), Time: start}); err != nil {
			t.Fatal(err)
		}
	}
	wantMarks(t, j, "twin t", "dev-0 dev-1 dev-2")
	if err := j.Unmark(ctx, "twin t", "dev-1", "dev-7", "dev-2"); err != nil {
		t.Fatal(err)
	}
	wantMarks(t, j, "twin t", "dev-0")
	if err := j.Unmark(ctx, "twin t"); err != nil {
		t.Fatal(err)
	}
	wantMarks(t, j, "twin t", "dev-0")
	if err := j.Mark(ctx, journal.Mark{Scope: "twin t", Name: "dev-1", Time: start}); err != nil {
		t.Error(err)
	}
	for m := range j.Marks(ctx, "twin t") { // as far as one wants
		if m != (journal.Mark{Scope: "twin t", Name: "dev-0", Time: start}) {
			t.Errorf("mark %+v", m)
		}
		break
	}
	wantMarks(t, j, "nothing", "")
	if err := j.Mark(ctx, journal.Mark{Scope: "s", Name: "n"}); err == nil {
		t.Error("a mark was set at no time")
	}
}

func marksAreOver(t *testing.T, j Journal) {
	ctx := t.Context()
	at := func(name string, hour, until int) journal.Mark {
		return journal.Mark{Scope: "api", Name: name, Time: start.Add(time.Duration(hour) * time.Hour), Until: start.Add(time.Duration(until) * time.Hour)}
	}
	if _, err := j.Begin(ctx, marked("r1", at("a", 0, 24))); err != nil {
		t.Fatal(err)
	}
	first := at("a", 0, 24)
	first.Run = "r1"
	wantTaken(t, j.Mark(ctx, at("a", 23, 48)), first)
	if err := j.Mark(ctx, at("a", 24, 48)); err != nil {
		t.Errorf("a mark whose time is over: %v", err)
	}
	wantTaken(t, j.Mark(ctx, at("a", 25, 49)), at("a", 24, 48))
	const rounds, callers = 40, 75 // those that are over do not become more and more
	for round := range rounds {
		atOnce(callers, func(i int) {
			if err := j.Mark(ctx, at(fmt.Sprint("m", round, "-", i), 100+round, 101+round)); err != nil {
				t.Error(err)
			}
		})
	}
	left := 0
	for range j.Marks(ctx, "api") {
		left++
	}
	if left > rounds*callers/2 {
		t.Errorf("%d marks are left of %d, of which %d are not over", left, rounds*callers, callers)
	}
}

// marksAreSetOnceAtOnce: of many who want to begin a run for the same, one does.
func marksAreSetOnceAtOnce(t *testing.T, j Journal) {
	const callers, names = 8, 20
	var begun [names]atomic.Int64
	atOnce(callers, func(i int) {
		for k := range names {
			m := journal.Mark{Scope: "schedule s", Name: fmt.Sprint(k)}
			_, err := j.Begin(t.Context(), marked(fmt.Sprint("r", k, "-", i), m))
			var taken *journal.TakenError
			switch {
			case err == nil:
				begun[k].Add(1)
			case !errors.As(err, &taken) || taken.Mark.Name != m.Name:
				t.Error(err)
			}
		}
	})
	for k := range names {
		if n := begun[k].Load(); n != 1 {
			t.Errorf("%d runs were begun for %d", n, k)
		}
	}
}
