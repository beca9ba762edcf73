package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
	"github.com/twinbook/twinbook/server/access"
)

// A watcher reads a stream of events as a browser does.
type watcher struct {
	t      testing.TB
	answer *http.Response
	lines  *bufio.Scanner
	beats  int // comments
	events int
}

// watch asks for the events of a run.
func (r *rig) watch(ctx context.Context, id, query string, header ...string) *watcher {
	r.Helper()
	q, err := http.NewRequestWithContext(ctx, "GET", r.url+"/api/v1/runs/"+id+"/events"+query, nil)
	if err != nil {
		r.Fatal(err)
	}
	q.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	answer, err := r.client.Do(q)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 16<<20)
	return &watcher{t: r, answer: answer, lines: lines}
}

// next is the next event; false: the stream has ended.
func (w *watcher) next() (e engine.Event, ok bool) {
	id := ""
	for w.lines.Scan() {
		switch name, value, _ := strings.Cut(w.lines.Text(), ":"); name {
		case "":
			w.beats++
		case "id":
			id = strings.TrimSpace(value)
		case "data":
			if w.events++; w.events < 20 {
				if err := holds("#/components/schemas/Event", []byte(value)); err != nil {
					w.t.Errorf("%s: %v", value, err)
				}
			}
			if err := json.Unmarshal([]byte(value), &e); err != nil || strconv.FormatInt(e.Seq, 10) != id {
				w.t.Errorf("id %s, data %s: %v", id, value, err)
			}
			return e, true
		}
	}
	return e, false
}

// rest are the numbers of all events to come.
func (w *watcher) rest() (seqs []int64, last engine.EventKind) {
	for {
		e, ok := w.next()
		if !ok {
			return seqs, last
		}
		seqs, last = append(seqs, e.Seq), e.Kind
	}
}

func numbers(from, to int64) (list []int64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

func TestEventsInPages(t *testing.T) {
	r := open(t, option{})
	id := r.start("call", map[string]any{"device": "dev-1"})
	r.untilState(id, record.State(engine.Succeeded))
	type page struct {
		Events []engine.Event
		Next   int64
	}
	var all, first, rest page
	r.ask("GET", "/api/v1/runs/"+id+"/events", nil).is(200).into(&all)
	r.ask("GET", "/api/v1/runs/"+id+"/events?limit=2", nil).is(200).into(&first)
	r.ask("GET", fmt.Sprintf("/api/v1/runs/%s/events?after=%d", id, first.Next), nil).is(200).into(&rest)
	if len(first.Events) != 2 || first.Next != 2 || rest.Next != 0 || len(all.Events) != 2+len(rest.Events) || all.Events[len(all.Events)-1].Kind != engine.RunEnded {
		t.Errorf("%+v\n%+v\n%+v", all, first, rest)
	}
	r.ask("GET", "/api/v1/runs/nobody/events", nil).problem(404, "")
	r.ask("GET", "/api/v1/runs/"+id+"/events?after=-1", nil).problem(400, "invalid-query")
}

func TestStreamFollowsARunToItsEnd(t *testing.T) {
	r := open(t, option{})
	id := r.start("wait", nil)
	w := r.watch(t.Context(), id, "")
	if e, ok := w.next(); !ok || e.Kind != engine.RunStarted {
		t.Fatalf("%+v", e)
	}
	r.ask("POST", "/api/v1/runs/"+id+"/signal", map[string]any{"name": "partsDelivered"}).is(202)
	seqs, last := w.rest()
	if last != engine.RunEnded || seqs[0] != 2 {
		t.Errorf("%v, the last is %s", seqs, last)
	}
	end := seqs[len(seqs)-1]
	for _, c := range []struct {
		query string
		head  []string
		from  int64
	}{
		{"", nil, 1},
		{"?after=1", nil, 2},
		{"", []string{"Last-Event-ID", "2"}, 3},
		{"?after=1", []string{"Last-Event-ID", "2"}, 3},
		{"?after=1", []string{"Last-Event-ID", ""}, 2},
	} {
		if seqs, _ := r.watch(t.Context(), id, c.query, c.head...).rest(); !slices.Equal(seqs, numbers(c.from, end)) {
			t.Errorf("%+v: %v, want from %d to %d", c, seqs, c.from, end)
		}
	}
	for _, after := range []int64{end, end + 100} {
		if a := r.watch(t.Context(), id, "", "Last-Event-ID", fmt.Sprint(after)).answer; a.StatusCode != http.StatusNoContent {
			t.Errorf("after %d: %s, want 204", after, a.Status)
		}
	}
	for _, wrong := range []string{"x", "-1", "1e3", "99999999999999999999"} {
		if a := r.watch(t.Context(), id, "", "Last-Event-ID", wrong).answer; a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s, want 400", wrong, a.Status)
		}
	}
	if a := r.watch(t.Context(), "nobody", "").answer; a.StatusCode != http.StatusNotFound {
		t.Errorf("%s, want 404", a.Status)
	}
}

// A reader that says it has what is not there yet gets what comes, and does not spoil the stream for others.
func TestStreamFromTheFuture(t *testing.T) {
	r := open(t, option{})
	id := r.start("wait", nil)
	early := r.watch(t.Context(), id, "?after=1000")
	w := r.watch(t.Context(), id, "")
	if e, _ := w.next(); e.Seq != 1 {
		t.Errorf("%+v, want the first event", e)
	}
	r.ask("POST", "/api/v1/runs/"+id+"/signal", map[string]any{"name": "partsDelivered"}).is(202)
	all, last := w.rest()
	if seqs, end := early.rest(); end != engine.RunEnded || last != end || len(seqs) == 0 || len(seqs) > len(all) {
		t.Errorf("%v and %v", seqs, all)
	}
}

// counted is a journal that counts who reads events.
type countedJournal struct {
	Journal
	reads atomic.Int64
}

func (j *countedJournal) Events(ctx context.Context, run string, after int64) ([]engine.Event, error) {
	j.reads.Add(1)
	return j.Journal.Events(ctx, run, after)
}

// A run that many watch is read once, and each of them gets all of it.
func TestOneReaderOfTheJournalForAll(t *testing.T) {
	var j *countedJournal
	r := open(t, option{config: func(c *Config) { j = &countedJournal{Journal: c.Journal}; c.Journal = j }})
	id := r.start("wait", nil)
	const many = 100
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			after := int64(i % 2)
			seqs, last := r.watch(t.Context(), id, "?after="+fmt.Sprint(after)).rest()
			if len(seqs) == 0 || last != engine.RunEnded || !slices.Equal(seqs, numbers(after+1, seqs[len(seqs)-1])) {
				t.Errorf("%v, the last is %s", seqs, last)
			}
		})
	}
	r.wait("all watch", func() bool { return r.readers() == many })
	j.reads.Store(0)
	r.ask("POST", "/api/v1/runs/"+id+"/signal", map[string]any{"name": "partsDelivered"}).is(202)
	all.Wait()
	if n := j.reads.Load(); n > 20 {
		t.Errorf("the journal was read %d times", n)
	}
}

// readers are how many watch.
func (r *rig) readers() int {
	r.feeds.mu.Lock()
	defer r.feeds.mu.Unlock()
	return r.feeds.readers
}

// What another process does in a run is in the stream, too: nobody pokes.
func TestStreamOfARunThatAnotherProcessDrives(t *testing.T) {
	r := open(t, option{})
	ctx, now := t.Context(), time.Now().UTC()
	start := &engine.RunStart{ID: "0123456789abcd", Workflow: "w", File: "w.yaml", Inputs: map[string]any{}}
	other := journal.Beginning{Events: []engine.Event{{Time: now, Kind: engine.RunStarted, Start: start}}, Sources: []journal.Source{{File: "w.yaml", Text: []byte("x")}}}
	if _, err := r.journal.Begin(ctx, other); err != nil {
		t.Fatal(err)
	}
	w := r.watch(ctx, start.ID, "")
	if e, _ := w.next(); e.Seq != 1 {
		t.Fatalf("%+v", e)
	}
	for _, kind := range []engine.EventKind{engine.CancelRequested, engine.RunEnded} {
		e := engine.Event{Time: now, Kind: kind}
		if kind == engine.RunEnded {
			e.End = &engine.Outcome{Status: engine.Cancelled}
		}
		if err := r.journal.Append(ctx, start.ID, []engine.Event{e}, journal.Standing{}); err != nil {
			t.Fatal(err)
		}
		if got, ok := w.next(); !ok || got.Kind != kind {
			t.Fatalf("%+v, want %s", got, kind)
		}
	}
	if _, ok := w.next(); ok {
		t.Error("the stream goes on")
	}
}

func TestHeartbeat(t *testing.T) {
	r := open(t, option{config: func(c *Config) { c.Heartbeat = 5 * time.Millisecond }})
	id := r.start("wait", nil)
	w := r.watch(t.Context(), id, "")
	w.next()
	for w.beats < 3 && w.lines.Scan() {
		if w.lines.Text() == ":" {
			w.beats++
		}
	}
	if w.beats < 3 {
		t.Errorf("%d beats, and the end: %v", w.beats, w.lines.Err())
	}
}

// Whoever goes leaves nothing behind, and the end of the server is the end of its streams.
func TestStreamsEnd(t *testing.T) {
	r := open(t, option{config: func(c *Config) { c.Readers = 2 }})
	id := r.start("wait", nil)
	ctx, leave := context.WithCancel(t.Context())
	r.watch(ctx, id, "").next()
	w := r.watch(t.Context(), id, "")
	w.next()
	if a := r.watch(t.Context(), id, "").answer; a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("%s, want 503", a.Status)
	}
	leave()
	r.wait("one has left", func() bool { return r.readers() == 1 })
	r.Stop()
	if _, ok := w.next(); ok {
		t.Error("the stream goes on")
	}
	r.wait("nobody watches", func() bool { return r.readers() == 0 })
	if held := r.feeds.held.Load(); held != 0 {
		t.Errorf("%d bytes are kept for nobody", held)
	}
	if a := r.watch(t.Context(), id, "").answer; a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s, want 503", a.Status)
	}
}

func TestStreamHead(t *testing.T) {
	r := open(t, option{})
	id := r.start("wait", nil)
	if a := r.ask("HEAD", "/api/v1/runs/"+id+"/events", nil, "Accept", "text/event-stream").is(200); a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%v", a.Header)
	}
}

// long makes a run of so many events with so much in each, that goes on.
func (r *rig) long(id string, n, size int) {
	r.Helper()
	now, at := time.Now().UTC(), engine.Address("s#1")
	events := []engine.Event{{Time: now, Kind: engine.RunStarted, Start: &engine.RunStart{ID: id, Workflow: "w", File: "w.yaml", Inputs: map[string]any{}}}}
	for range n - 1 {
		events = append(events, engine.Event{Time: now, Kind: engine.StepDone, At: at, Value: strings.Repeat("x", size)})
	}
	b := journal.Beginning{Events: events, Sources: []journal.Source{{File: "w.yaml", Text: []byte("x")}}}
	if _, err := r.journal.Begin(r.Context(), b); err != nil {
		r.Fatal(err)
	}
}

// A long run is read from any place on, also by those who come one after another, and what nobody needs is forgotten.
func TestStreamOfALongRun(t *testing.T) {
	r := open(t, option{})
	const n = 6_000
	r.long("0123456789abcd", n, 100)
	for _, after := range []int64{n - 1, 0, 777, n / 2} {
		w := r.watch(t.Context(), "0123456789abcd", "?after="+fmt.Sprint(after))
		for want := after + 1; want <= n; want++ {
			if e, ok := w.next(); !ok || e.Seq != want {
				t.Fatalf("after %d: %d, %v, want %d", after, e.Seq, ok, want)
			}
		}
	}
	more := make([]engine.Event, 500)
	for i := range more {
		more[i] = engine.Event{Time: time.Now().UTC(), Kind: engine.StepDone, At: "s#1", Value: strings.Repeat("y", 1000)}
	}
	if err := r.journal.Append(t.Context(), "0123456789abcd", more, journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	r.wait("what all have is forgotten", func() bool { held := r.feeds.held.Load(); return held > 0 && held < 2*keepsLatest })
}

// A client that takes nothing is dropped, and holds up nobody.
func TestSlowClientIsDropped(t *testing.T) {
	r := open(t, option{config: func(c *Config) { c.Patience = 300 * time.Millisecond }})
	r.long("0123456789abcd", 10, 10)
	slow, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	slow.(*net.TCPConn).SetReadBuffer(4 << 10)
	fmt.Fprint(slow, "GET /api/v1/runs/0123456789abcd/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
	head := make([]byte, 1000)
	if _, err := slow.Read(head); err != nil {
		t.Fatal(err)
	}
	r.wait("it watches", func() bool { return r.readers() == 1 })
	quick := r.watch(t.Context(), "0123456789abcd", "?after=9")
	quick.next()
	for range 24 {
		big := []engine.Event{{Time: time.Now().UTC(), Kind: engine.StepDone, At: "s#1", Value: strings.Repeat("z", 500_000)}}
		if err := r.journal.Append(t.Context(), "0123456789abcd", big, journal.Standing{}); err != nil {
			t.Fatal(err)
		}
		r.feeds.poke("0123456789abcd")
		if _, ok := quick.next(); !ok {
			t.Fatal("the quick one was dropped")
		}
	}
	if held := r.feeds.held.Load(); held > 2*mostBehind {
		t.Errorf("%d bytes are kept for the slow one", held)
	}
	r.wait("the slow one is dropped", func() bool { return r.readers() == 1 })
}

// Over HTTP/2 a deadline that passes ends a stream although nothing is written; a stream of a run that waits stays.
func TestStreamOverHTTP2(t *testing.T) {
	r := open(t, option{config: func(c *Config) { c.Heartbeat, c.Patience = 200*time.Millisecond, 100*time.Millisecond }})
	front := httptest.NewUnstartedServer(r.Server)
	front.Config = r.HTTP()
	front.EnableHTTP2 = true
	front.StartTLS()
	defer front.Close()
	r.url, r.client = front.URL, front.Client()
	id := r.start("wait", nil)
	w := r.watch(t.Context(), id, "")
	if w.answer.ProtoMajor != 2 {
		t.Fatal(w.answer.Proto)
	}
	w.next()
	for w.beats < 3 && w.lines.Scan() {
		if w.lines.Text() == ":" {
			w.beats++
		}
	}
	r.ask("POST", "/api/v1/runs/"+id+"/signal", map[string]any{"name": "partsDelivered"}).is(202)
	if _, last := w.rest(); last != engine.RunEnded {
		t.Errorf("the stream ends with %q: %v", last, w.lines.Err())
	}
}

// TestARemovedTokenEndsItsStreams: what a run tells after that is for others.
func TestARemovedTokenEndsItsStreams(t *testing.T) {
	r := open(t, option{roles: []string{"viewer", "admin"}})
	r.token = r.tokens["admin"]
	run := r.start("ask", nil)
	w := r.watch(t.Context(), run, "", "Authorization", "Bearer "+r.tokens["viewer"])
	if _, ok := w.next(); !ok {
		t.Fatal("the stream gives nothing")
	}
	if err := r.Gate.Reload(access.Config{Tokens: []access.Token{{Name: "admin", Hash: access.Hash(r.tokens["admin"]), Roles: []string{"admin"}}}}); err != nil {
		t.Fatal(err)
	}
	if seqs, _ := w.rest(); len(seqs) > 0 {
		t.Errorf("events %d came after the token was removed", seqs)
	}
}
