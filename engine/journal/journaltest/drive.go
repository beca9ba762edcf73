package journaltest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func claimIsForOwnRunsToo(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	if err := j.Claim(t.Context(), "r1"); err != nil {
		t.Errorf("claim one's own run: %v", err)
	}
	add(t, j, "r1", done("a"), ended())
	if err := j.Claim(t.Context(), "r1"); !errors.Is(err, journal.ErrEnded) {
		t.Errorf("claim an ended run: %v, want ErrEnded", err)
	}
	if err := j.Claim(t.Context(), "nobody"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("claim nobody: %v, want ErrNotFound", err)
	}
}

func adoptGivesTheUnfinished(t *testing.T, j journal.Journal) {
	parked := journal.Standing{Parked: true, Wake: start.Add(time.Hour)}
	for i := range 6 {
		begin(t, j, fmt.Sprint("r", i))
		if i%2 == 0 {
			if err := j.Append(t.Context(), fmt.Sprint("r", i), nil, parked); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(t, j, "r4", ended())
	add(t, j, "r5", ended())
	beginChild(t, j, "c", "r1", "x")
	got := ""
	for run, err := range j.Adopt(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got += run.ID + " "
		if run.Standing.Parked && run.Standing != parked || run.Driver == "" {
			t.Errorf("run %+v", run)
		}
	}
	if want := "r1 r3 c r0 r2 "; got != want {
		t.Errorf("adopted %q, want %q: those under way, then those parked", got, want)
	}
	for run, err := range j.Adopt(t.Context()) { // as far as one wants
		if run.ID != "r1" || err != nil {
			t.Errorf("first is %s, %v", run.ID, err)
		}
		break
	}
}

// listener keeps what it hears.
type listener struct {
	mu    sync.Mutex
	heard []journal.Request
}

func (l *listener) hear(r journal.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, r)
}

// of are the requests heard about a run, each once.
func (l *listener) of(run string) []journal.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []journal.Request
	seen := map[int64]bool{}
	for _, r := range l.heard {
		if r.Run == run && !seen[r.ID] {
			all = append(all, r)
		}
		seen[r.ID] = true
	}
	return all
}

func requestsAreHeard(t *testing.T, j journal.Journal) {
	ctx := t.Context()
	begin(t, j, "r1")
	begin(t, j, "r2")
	ask := func(run string, kind engine.EventKind) error {
		return j.Ask(ctx, journal.Request{Run: run, Kind: kind, Reason: "r", By: "me", Time: start})
	}
	if err := ask("r1", engine.PauseRequested); err != nil { // before anybody listens
		t.Fatal(err)
	}
	var ear listener
	stop := j.Listen(ear.hear)
	eventually(t, "the request from before is heard", func() bool { return len(ear.of("r1")) == 1 })
	if err := ask("r1", engine.CancelRequested); err != nil {
		t.Fatal(err)
	}
	if err := ask("r2", engine.ResumeRequested); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are heard", func() bool { return len(ear.of("r1")) == 2 && len(ear.of("r2")) == 1 })
	heard := ear.of("r1")
	if r := heard[1]; r.ID <= heard[0].ID || r.Kind != engine.CancelRequested || r.Reason != "r" || r.By != "me" || !r.Time.Equal(start) {
		t.Errorf("heard %+v after %+v", r, heard[0])
	}
	stop()
	add(t, j, "r1", engine.Event{Time: start, Kind: engine.CancelRequested, Request: heard[1].ID, By: "me"})
	add(t, j, "r2", ended())
	var late listener
	defer j.Listen(late.hear)()
	eventually(t, "what is unanswered is heard again", func() bool { return len(late.of("r1")) == 1 })
	if r := late.of("r1")[0]; r.ID != heard[0].ID {
		t.Errorf("heard %+v, want %+v", r, heard[0])
	}
	if err := ask("r1", engine.ResumeRequested); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a new one is heard", func() bool { return len(late.of("r1")) == 2 })
	if n := len(late.of("r2")); n != 0 {
		t.Errorf("%d requests about a run that has ended", n)
	}
	if n := len(ear.of("r1")); n != 2 {
		t.Error("heard after it had stopped listening")
	}
}

func requestsAreRefused(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	add(t, j, "r1", ended())
	for run, want := range map[string]error{"r1": journal.ErrEnded, "nobody": journal.ErrNotFound} {
		err := j.Ask(t.Context(), journal.Request{Run: run, Kind: engine.CancelRequested, Time: start})
		if !errors.Is(err, want) {
			t.Errorf("ask about %s: %v, want %v", run, err, want)
		}
	}
}

func wishesAreKept(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	begin(t, j, "r2")
	for _, r := range []journal.Request{
		{Run: "r1", Kind: engine.PauseRequested, By: "me", Reason: "look", Time: start},
		{Run: "r2", Kind: engine.CancelRequested, Time: start},
		{Run: "r1", Kind: engine.ResumeRequested, Time: start.Add(time.Second)},
	} {
		if err := j.Ask(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	wishes := func(run string, want ...engine.EventKind) []journal.Request {
		t.Helper()
		got, err := j.Wishes(t.Context(), run)
		kinds := []engine.EventKind{}
		for _, r := range got {
			kinds = append(kinds, r.Kind)
		}
		if err != nil || got == nil || !slices.Equal(kinds, want) {
			t.Errorf("wishes about %q: %v, %v, want %v", run, kinds, err, want)
		}
		return got
	}
	counts := func(run string, want engine.EventKind) {
		t.Helper()
		line, err := j.Run(t.Context(), run)
		lines, err2 := j.Runs(t.Context(), journal.Filter{})
		listed := slices.ContainsFunc(lines, func(l journal.Run) bool { return l.ID == run && l.Wish == want })
		if err != nil || err2 != nil || line.Wish != want || !listed {
			t.Errorf("what counts of %s is %q, %v, %v, want %q; list: %+v", run, line.Wish, err, err2, want, lines)
		}
	}
	counts("r1", engine.ResumeRequested)
	counts("r2", engine.CancelRequested)
	if err := j.Ask(t.Context(), journal.Request{Run: "r2", Kind: engine.PauseRequested, Time: start}); err != nil {
		t.Fatal(err)
	}
	counts("r2", engine.CancelRequested)
	of1 := wishes("r1", engine.PauseRequested, engine.ResumeRequested)
	if of1[0] != (journal.Request{ID: of1[0].ID, Run: "r1", Kind: engine.PauseRequested, By: "me", Reason: "look", Time: start}) || of1[0].ID == 0 {
		t.Errorf("wish %+v", of1[0])
	}
	wishes("", engine.PauseRequested, engine.CancelRequested, engine.ResumeRequested, engine.PauseRequested)
	add(t, j, "r1", engine.Event{Time: start, Kind: engine.PauseRequested, Request: of1[0].ID})
	wishes("r1", engine.ResumeRequested)
	add(t, j, "r1", ended())
	wishes("r1")
	counts("r1", "")
	wishes("", engine.CancelRequested, engine.PauseRequested)
	if _, err := j.Wishes(t.Context(), "nobody"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("wishes about nobody: %v, want ErrNotFound", err)
	}
}
