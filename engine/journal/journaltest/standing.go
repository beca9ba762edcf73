package journaltest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func standingIsKept(t *testing.T, j journal.Journal) {
	first := journal.Standing{Parked: true, Wake: start.Add(time.Hour), Alert: true}
	if _, err := j.Begin(t.Context(), journal.Beginning{Events: []engine.Event{begun("r1")}, Standing: first}); err != nil {
		t.Fatal(err)
	}
	if got := line(t, j, "r1").Standing; got != first {
		t.Errorf("standing %+v, want %+v", got, first)
	}
	for i, s := range []journal.Standing{
		{}, {Paused: true}, {Paused: true, Parked: true}, {Parked: true, Wake: start.Add(48 * time.Hour)}, {Parked: true, Wake: start.Add(72 * time.Hour)}, {},
		{Parked: true, Alert: true},
	} {
		var events []engine.Event
		if i%2 == 0 { // it may change without an event
			events = append(events, done(fmt.Sprint("a", i)))
		}
		if err := j.Append(t.Context(), "r1", events, s); err != nil {
			t.Fatal(err)
		}
		if got := line(t, j, "r1").Standing; got != s {
			t.Errorf("standing %+v, want %+v", got, s)
		}
	}
	if n := len(read(t, j, "r1", 0)); n != 5 {
		t.Errorf("%d events, want 5", n)
	}
	if err := j.Append(t.Context(), "r1", []engine.Event{ended()}, journal.Standing{Parked: true}); err != nil {
		t.Fatal(err)
	}
	if got := line(t, j, "r1").Standing; got != (journal.Standing{}) {
		t.Errorf("standing %+v of a run that has ended", got)
	}
}

func laterComesBeforeWhatFollows(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	for i := range 20 {
		for k := range i % 4 {
			if err := j.AppendLater("r1", []engine.Event{done(fmt.Sprint(i, "-", k))}, journal.Standing{Paused: true}); err != nil {
				t.Fatal(err)
			}
		}
		add(t, j, "r1", done(fmt.Sprint(i)))
	}
	got, want := "", ""
	for i := range 20 {
		for k := range i % 4 {
			want += fmt.Sprint(i, "-", k, " ")
		}
		want += fmt.Sprint(i, " ")
	}
	for i, e := range read(t, j, "r1", 1) {
		got += string(e.At) + " "
		if e.Seq != int64(i)+2 {
			t.Errorf("event %d has the number %d", i+2, e.Seq)
		}
	}
	if got != want {
		t.Errorf("events\n%s\nwant\n%s", got, want)
	}
	if s := line(t, j, "r1").Standing; s != (journal.Standing{}) {
		t.Errorf("standing %+v, want that of the last append", s)
	}
}

// laterAndTheLast: the run parks or ends with the commit that holds many appends.
func laterAndTheLast(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	n := 1
	for _, s := range []journal.Standing{{Parked: true}, {}, {Parked: true, Alert: true}, {}} {
		for range 5 {
			if err := j.AppendLater("r1", []engine.Event{done("a")}, journal.Standing{}); err != nil {
				t.Fatal(err)
			}
		}
		last := done("b")
		if n == 19 {
			last = ended()
		}
		if err := j.Append(t.Context(), "r1", []engine.Event{last}, s); err != nil {
			t.Fatal(err)
		}
		n += 6
		if events := read(t, j, "r1", 0); len(events) != n || events[n-1].Kind != last.Kind || events[n-1].At != last.At {
			t.Fatalf("%d events, want %d and the last one at the end", len(events), n)
		}
	}
}

// whateverItStandsFor: a reader sees every event at once, in whatever order a run parks, goes on and parks again.
func whateverItStandsFor(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	standings := []journal.Standing{{}, {Parked: true}, {Parked: true, Wake: start}, {Paused: true}}
	chance := rand.New(rand.NewPCG(1, 2))
	for n := 1; n < 200; {
		s := standings[chance.IntN(len(standings))]
		if chance.IntN(3) == 0 {
			if err := j.AppendLater("r1", []engine.Event{done("a")}, s); err != nil {
				t.Fatal(err)
			}
			n++
		}
		more := []engine.Event{done("a"), done("b"), done("c")}[:chance.IntN(4)]
		if err := j.Append(t.Context(), "r1", more, s); err != nil {
			t.Fatal(err)
		}
		n += len(more)
		if got := len(read(t, j, "r1", 0)); got != n {
			t.Fatalf("%d events after one that left the run %+v, want %d", got, s, n)
		}
	}
}

// nothingWaitsForLater: an append of no events waits for those before it.
func nothingWaitsForLater(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	for i := range 3 {
		if err := j.AppendLater("r1", []engine.Event{done("a")}, journal.Standing{}); err != nil {
			t.Fatal(err)
		}
		want := journal.Standing{Parked: i%2 == 0}
		if err := j.Append(t.Context(), "r1", nil, want); err != nil {
			t.Fatal(err)
		}
		if n, s := len(read(t, j, "r1", 0)), line(t, j, "r1").Standing; n != i+2 || s != want {
			t.Errorf("%d events, standing %+v, want %d and %+v", n, s, i+2, want)
		}
	}
}

func laterIsKeptSoon(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	if err := j.AppendLater("r1", []engine.Event{done("a"), done("b")}, journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the events are kept", func() bool { return len(read(t, j, "r1", 1)) == 2 })
}

// laterCannotBeLostUnnoticed: it may refuse at once, or let the next append say so.
func laterCannotBeLostUnnoticed(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	add(t, j, "r1", ended())
	for run, want := range map[string]error{"r1": journal.ErrEnded, "nobody": journal.ErrNotFound} {
		err := j.AppendLater(run, []engine.Event{done("a")}, journal.Standing{})
		if err == nil {
			err = j.Append(t.Context(), run, []engine.Event{done("b")}, journal.Standing{})
		}
		if !errors.Is(err, want) {
			t.Errorf("run %s: %v, want %v", run, err, want)
		}
	}
}

func sightsAreReplaced(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	begin(t, j, "r2")
	sights := func(run string) string {
		all, err := j.Sights(t.Context(), run)
		if err != nil || all == nil {
			t.Fatalf("sights %v, %v", all, err)
		}
		text := ""
		for _, s := range all {
			text += fmt.Sprintf("%s:%s@%s ", s.At, s.Text, s.Since.Sub(start))
		}
		return text
	}
	see := func(run, at, text string, after time.Duration) {
		j.See(run, journal.Sight{At: engine.Address(at), Text: text, Since: start.Add(after)})
	}
	want := func(run, want string) {
		t.Helper()
		eventually(t, fmt.Sprintf("the sights of %s are %q", run, want), func() bool { return sights(run) == want })
	}
	want("r1", "")
	see("nobody", "a#1", "nothing", 0)
	see("r1", "b#1", "still 1", 1)
	see("r1", "a#1", "offline", 2)
	see("r2", "a#1", "other", 3)
	want("r1", "a#1:offline@2ns b#1:still 1@1ns ")
	see("r1", "b#1", "still 1", 4) // since when: since it was seen first
	see("r1", "a#1", "online", 5)
	want("r1", "a#1:online@5ns b#1:still 1@1ns ")
	add(t, j, "r1", done("a#1")) // it waits no longer
	want("r1", "b#1:still 1@1ns ")
	see("r1", "c#1", "soon over", 6)
	add(t, j, "r1", ended())
	want("r1", "")
	see("r1", "b#1", "too late", 7)
	want("r2", "a#1:other@3ns ")
	want("r1", "")
	if _, err := j.Sights(t.Context(), "nobody"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("of nobody: %v, want ErrNotFound", err)
	}
}

// eventually waits for a fact.
func eventually(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !fact(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func childrenAreCounted(t *testing.T, j journal.Journal) {
	begin(t, j, "p")
	for i := range 5 {
		beginChild(t, j, fmt.Sprint("c", i), "p", fmt.Sprint("dev-", i))
	}
	beginChild(t, j, "g", "c1", "x")
	add(t, j, "c0", ended())
	add(t, j, "c1", ended())
	well := ended()
	well.End = &engine.Outcome{Status: engine.Succeeded}
	add(t, j, "c2", well)
	counts, err := j.Children(t.Context(), "p")
	if err != nil || len(counts) != 3 || counts[""] != 2 || counts[engine.Failed] != 2 || counts[engine.Succeeded] != 1 {
		t.Errorf("counts %v, %v, want 2 under way, 2 failed, 1 succeeded", counts, err)
	}
	if counts, err := j.Children(t.Context(), "g"); err != nil || counts == nil || len(counts) != 0 {
		t.Errorf("of one without: %v, %v, want none", counts, err)
	}
	if _, err := j.Children(t.Context(), "nobody"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("of nobody: %v, want ErrNotFound", err)
	}
	if got := line(t, j, "p"); got.Parent != "" || got.Key != "" {
		t.Errorf("%+v is no child", got)
	}
	if got, err := j.Run(t.Context(), "c3"); err != nil || got.Parent != "p" || got.Key != "dev-3" {
		t.Errorf("child %+v, %v", got, err)
	}
	orphan := begun("orphan")
	orphan.Start.Parent, orphan.Start.Key = "gone", "dev-9"
	if _, err := j.Begin(t.Context(), beginning(orphan)); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a child of a run that is not there: %v, want ErrNotFound", err)
	}
	want(t, j, journal.Filter{}, "p")
	want(t, j, journal.Filter{Parent: "p"}, "c4 c3 c2 c1 c0")
	want(t, j, journal.Filter{Parent: "p", Unfinished: true}, "c4 c3")
}

func beginChild(t *testing.T, j journal.Journal, id, parent, key string) {
	t.Helper()
	e := begun(id)
	e.Start.Parent, e.Start.Key = parent, key
	if _, err := j.Begin(t.Context(), beginning(e)); err != nil {
		t.Fatal(err)
	}
}

func removeForgets(t *testing.T, j journal.Journal) {
	for _, id := range []string{"r1", "r2", "r3"} {
		begin(t, j, id)
	}
	beginChild(t, j, "c1", "r1", "a")
	beginChild(t, j, "c2", "c1", "b")
	for _, id := range []string{"c1", "r1", "r2"} {
		add(t, j, id, done("a"), ended())
	}
	for _, runs := range [][]string{{"r2", "r3"}, {"r2", "r1"}} { // one that has not ended, and one below one
		if err := j.Remove(t.Context(), runs...); !errors.Is(err, journal.ErrUnfinished) {
			t.Errorf("remove %v: %v, want ErrUnfinished", runs, err)
		}
	}
	if err := j.Remove(t.Context(), "r2", "nobody"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("remove nobody: %v, want ErrNotFound", err)
	}
	want(t, j, journal.Filter{}, "r3 r2 r1")
	add(t, j, "c2", ended())
	if err := j.Remove(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
	want(t, j, journal.Filter{}, "r3 r2")
	for _, id := range []string{"r1", "c1", "c2"} {
		if _, err := j.Run(t.Context(), id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("run %s is still there: %v", id, err)
		}
		if _, err := j.Events(t.Context(), id, 0); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("events of %s are still there: %v", id, err)
		}
	}
	begin(t, j, "r1") // its name is free
	if events := read(t, j, "r1", 0); len(events) != 1 {
		t.Errorf("%d events of the new run", len(events))
	}
	if n := len(read(t, j, "r2", 0)); n != 3 {
		t.Errorf("%d events of another run, want 3", n)
	}
	if counts, err := j.Children(t.Context(), "r1"); err != nil || len(counts) != 0 {
		t.Errorf("children of the new run: %v, %v", counts, err)
	}
}

// want holds the list of runs against ids, the latest first.
func want(t *testing.T, j journal.Journal, f journal.Filter, ids string) {
	t.Helper()
	runs, err := j.Runs(t.Context(), f)
	got := []string{}
	for _, run := range runs {
		got = append(got, run.ID)
	}
	if text := fmt.Sprint(got); err != nil || runs == nil || text != "["+ids+"]" {
		t.Errorf("filter %+v: %s, %v, want [%s]", f, text, err, ids)
	}
	if single, err := j.Runs(t.Context(), f); err != nil || !slices.Equal(single, runs) {
		t.Errorf("asked again: %+v, %v", single, err)
	}
}
