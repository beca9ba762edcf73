package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// twice is a workflow that calls a witness once, and then once more.
func twice(url string) map[string]string {
	return map[string]string{"twice": fmt.Sprintf("inputs: { key: { type: string } }\nsteps:\n"+
		"  - http: { method: POST, url: \"%s/first/${{ inputs.key }}\" }\n"+
		"  - http: { method: POST, url: \"%[1]s/then/${{ inputs.key }}\" }\n", url)}
}

// SIGTERM under load: no effect that has begun is interrupted, and the next server does the rest, each thing once.
func TestServeEndsInGoodOrder(t *testing.T) {
	w := newWitness(t, 100*time.Millisecond)
	dir := servedFolder(t, "", twice(w.URL))
	a := &insistence{t: t, address: freeAddress(t), workflow: "twice"}
	a.start(0, 6)
	for range 4 {
		s := startServing(t, dir, "", "--listen", a.address, "--grace", "20s")
		s.mustReady()
		before := w.total()
		for late := time.Now().Add(patience); w.total() < before+15; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("nothing happens:\n%s", s.said())
			}
		}
		if code := s.stopped(); code != exitOK {
			t.Fatalf("it ended with %d:\n%s", code, s.said())
		}
		openEffects(t, dir)
	}
	s := startServing(t, dir, "", "--listen", a.address)
	s.mustReady()
	a.stop()
	awaitNoRuns(t, s)
	s.stopped()
	for key := range a.granted {
		if first, then := w.calls["/first/"+key], w.calls["/then/"+key]; first != 1 || then != 1 {
			t.Errorf("key %s: the witness was called %d times, and then %d times", key, first, then)
		}
	}
	for run, err := range eachRunOf(t, dir) {
		if err != nil || run.Status != engine.Succeeded {
			t.Errorf("run %s ended %q (%v)", run.ID, run.Status, err)
		}
	}
}

// eachRunOf are the runs of a folder's journal.
func eachRunOf(t *testing.T, dir string) func(yield func(journal.Run, error) bool) {
	j := openKept(t, dir)
	return record.Each(t.Context(), j, journal.Filter{})
}

func openKept(t testing.TB, dir string) *journal.SQLite {
	t.Helper()
	j, err := journal.OpenSQLite(t.Context(), filepath.Join(dir, "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// openEffects checks that none is left by a server that has ended: begun, and without an answer.
func openEffects(t *testing.T, dir string) {
	t.Helper()
	j := openKept(t, dir)
	defer j.Close()
	for run, err := range record.Each(t.Context(), j, journal.Filter{Unfinished: true}) {
		if err != nil {
			t.Fatal(err)
		}
		events, err := j.Events(t.Context(), run.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		open := map[engine.Address]bool{}
		for _, e := range events {
			switch e.Kind {
			case engine.StepStarted:
				open[e.At] = true
			case engine.StepDone:
				delete(open, e.At)
			}
		}
		if len(open) > 0 {
			t.Errorf("run %s was left with %v under way:\n%s", run.ID, open, journalText(events))
		}
	}
}

// awaitNoRuns waits until no run of a server is unfinished.
func awaitNoRuns(t *testing.T, s *serving) {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var list struct{ Runs []struct{ ID, State string } }
		if status, err := do("GET", s.url+"/api/v1/runs?outcome=unfinished&limit=5", "", &list); err != nil || status != http.StatusOK {
			t.Fatalf("the runs: %d, %v", status, err)
		}
		switch {
		case len(list.Runs) == 0:
			return
		case time.Now().After(late):
			t.Fatalf("these do not end: %+v\n%s", list.Runs, s.said())
		}
	}
}

// A slow witness answers when it is let.
type slowWitness struct {
	*httptest.Server
	called chan struct{}
	let    func()
}

func newSlowWitness(t *testing.T) *slowWitness {
	w := &slowWitness{called: make(chan struct{}, 10)}
	letting := make(chan struct{})
	w.let = sync.OnceFunc(func() { close(letting) })
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.called <- struct{}{}
		<-letting
		io.WriteString(rw, "{}")
	}))
	t.Cleanup(func() {
		w.let()
		w.Close()
	})
	return w
}

// startOne begins a run and waits until it calls the witness.
func (w *slowWitness) startOne(t *testing.T, s *serving) (run string) {
	t.Helper()
	s.mustReady()
	var began struct{ ID string }
	if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"twice","inputs":{"key":"x"}}`, &began); err != nil || status != http.StatusCreated {
		t.Fatalf("%d, %v", status, err)
	}
	select {
	case <-w.called:
	case <-time.After(patience):
		t.Fatalf("the witness is not called:\n%s", s.said())
	}
	return began.ID
}

// While a server waits for what is under way it takes no work and can still be read, and streams of events end.
func TestServeDraining(t *testing.T) {
	w := newSlowWitness(t)
	s := startServing(t, servedFolder(t, "", twice(w.URL)), "", "--listen", "127.0.0.1:0", "--grace", "30s")
	run := w.startOne(t, s)
	stream := readEvents(t, s.url+"/api/v1/runs/"+run+"/events")
	s.signal(syscall.SIGTERM)
	select {
	case <-stream:
	case <-time.After(patience):
		t.Fatal("the stream of events does not end")
	}
	answer, err := http.Post(s.url+"/api/v1/runs", "application/json", strings.NewReader(`{"workflow":"twice","inputs":{"key":"y"}}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("whoever wants a run gets %d, %v", answer.StatusCode, answer.Header)
	}
	for path, want := range map[string]int{"/readyz": 503, "/healthz": 200, "/api/v1/runs/" + run: 200} {
		if status, err := do("GET", s.url+path, "", nil); err != nil || status != want {
			t.Errorf("GET %s: %d, %v", path, status, err)
		}
	}
	s.signal(syscall.SIGHUP) // too late to matter, and no reason to end
	w.let()
	if code := s.ends(); code != exitOK {
		t.Errorf("it ended with %d:\n%s", code, s.said())
	}
	if strings.Contains(s.said(), "grace is over") {
		t.Errorf("the grace was not enough:\n%s", s.said())
	}
}

// readEvents reads a stream of events; over is closed when it ends.
func readEvents(t *testing.T, url string) (over chan struct{}) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", answer, err)
	}
	over, first := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		defer answer.Body.Close()
		began := sync.OnceFunc(func() { close(first) })
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			began()
		}
	}()
	select {
	case <-first:
	case <-over:
		t.Fatal("the stream of events ended before it began")
	}
	return over
}

// What takes longer than the grace is left as it is, and the next server says that it may have happened.
func TestServeGraceIsOver(t *testing.T) {
	w := newSlowWitness(t)
	dir := servedFolder(t, "serve: { grace: 200ms }\n", twice(w.URL))
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	run := w.startOne(t, s)
	if code := s.stopped(); code != exitOK || !strings.Contains(s.said(), "grace is over") {
		t.Errorf("it ended with %d:\n%s", code, s.said())
	}
	for _, want := range []string{`"msg":"step was cut off, and may have happened","run":"` + run + `","workflow":"twice","step":"http@1","action":"http"}`, `"because":"1 run still has something under way"`} {
		if !strings.Contains(s.said(), want) {
			t.Errorf("the log does not say %s:\n%s", want, s.said())
		}
	}
	if lines := strings.Split(strings.TrimSpace(s.said()), "\n"); !strings.Contains(lines[len(lines)-1], `"msg":"ended"`) {
		t.Errorf("the log ends with %s", lines[len(lines)-1])
	}
	next := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	next.mustReady()
	awaitNoRuns(t, next)
	next.stopped()
	events, err := openKept(t, dir).Events(t.Context(), run, 0)
	if err != nil {
		t.Fatal(err)
	}
	if end := events[len(events)-1].End; end == nil || end.Status != engine.Failed || !isInterrupted(end.Error) || !end.Error.MaybeDone {
		t.Errorf("the run was\n%s", journalText(events))
	}
}

// A run that only waits is named with its workflow when its server ends.
func TestServeEndsWithRunsThatWait(t *testing.T) {
	s := startServing(t, servedFolder(t, "", map[string]string{"ask": "timeout: 1h\nsteps:\n  - approve: { message: \"Go on?\" }\n"}), "", "--listen", "127.0.0.1:0")
	s.mustReady()
	var began struct{ ID string }
	if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"ask"}`, &began); err != nil || status != http.StatusCreated {
		t.Fatalf("%d, %v", status, err)
	}
	s.awaitSaid("step waits for approval")
	s.stopped()
	if want := `"msg":"run stopped here, and goes on later","run":"` + began.ID + `","workflow":"ask"`; !strings.Contains(s.said(), want) {
		t.Errorf("the log does not say %s:\n%s", want, s.said())
	}
}

// A second signal waits for nothing.
func TestServeSecondSignal(t *testing.T) {
	w := newSlowWitness(t)
	s := startServing(t, servedFolder(t, "", twice(w.URL)), "", "--listen", "127.0.0.1:0", "--grace", "1h")
	w.startOne(t, s)
	s.signal(syscall.SIGTERM)
	s.awaitSaid("nothing further begins")
	s.signal(syscall.SIGTERM) // the same one, as timeout(1) sends it
	time.Sleep(2 * sameSignal)
	s.signal(syscall.SIGTERM)
	if code := s.ends(); code != 143 {
		t.Errorf("it ended with %d:\n%s", code, s.said())
	}
}

// A run whose process died is gone on with, also one of twinbook run; one whose hub nobody knows here stays as it is.
func TestServeAdopts(t *testing.T) {
	w := newWitness(t, 0)
	dir := servedFolder(t, "", twice(w.URL))
	j := openKept(t, dir)
	source, _, _ := strings.Cut(twice(w.URL)["twice"], "\n")
	begin := func(id, hub string) {
		t.Helper()
		text := []byte("version: 1\nworkflow: old\n" + strings.Replace(source, "string }", "string, default: "+id+" }", 1) + "\nsteps:\n  - log: here\n")
		_, err := j.Begin(t.Context(), journal.Beginning{
			Events:  []engine.Event{{Time: time.Now(), Kind: engine.RunStarted, Start: &engine.RunStart{ID: id, Workflow: "old", File: "old.yaml", Hub: hub, Inputs: map[string]any{"key": id}}}},
			Sources: []journal.Source{{File: "old.yaml", Text: text}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	begin("run-known", "none")
	begin("run-strange", "elsewhere")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	s.awaitSaid(`"hub":"elsewhere"`)
	s.awaitRun("run-known", "succeeded")
	var shown struct {
		Run struct{ Status, State string }
	}
	if status, err := do("GET", s.url+"/api/v1/runs/run-strange", "", &shown); err != nil || status != http.StatusOK || shown.Run.Status != "" {
		t.Errorf("%d, %v, %+v", status, err, shown)
	}
}

// awaitRun waits until a run has ended so.
func (s *serving) awaitRun(id, want string) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), patience)
	defer stop()
	var shown struct{ Run struct{ Status string } }
	for shown.Run.Status != want {
		if status, err := do("GET", s.url+"/api/v1/runs/"+id, "", &shown); err != nil || status != http.StatusOK || ctx.Err() != nil {
			s.t.Fatalf("run %s: %d, %v, %+v\n%s", id, status, err, shown, s.said())
		}
		time.Sleep(10 * time.Millisecond)
	}
}
