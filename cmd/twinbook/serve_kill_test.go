package main

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Tests that end servers by kill -9, again and again, while their schedules fire each second and many ask for runs.

// A witness is another server, which runs call once each, and which remembers how often, and how many did at a time.
type witness struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	calls  map[string]int
	inside map[string]int // by the first part of the path
	most   map[string]int
}

// newWitness answers each call after some time.
func newWitness(t *testing.T, takes time.Duration) *witness {
	w := &witness{calls: map[string]int{}, inside: map[string]int{}, most: map[string]int{}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.enter(r.URL.Path)
		time.Sleep(takes)
		w.leave(r.URL.Path)
		io.WriteString(rw, "{}")
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *witness) enter(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[path]++
	who := strings.Split(path, "/")[1]
	w.inside[who]++
	w.most[who] = max(w.most[who], w.inside[who])
}

// total is how often it was called.
func (w *witness) total() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, calls := range w.calls {
		n += calls
	}
	return n
}

func (w *witness) leave(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside[strings.Split(path, "/")[1]]--
}

// firing are workflows that fire each second, in each way of overlapping, and one that is asked for, two at a time.
func firing(w *witness) map[string]string {
	call := func(what string) string {
		return fmt.Sprintf("- http: { method: POST, url: \"%s/%s\" }\n    continueOnError: true\n", w.URL, what)
	}
	each := func(overlap, took string) string {
		return "schedules:\n  - { id: second, cron: \"@every 1s\", overlap: " + overlap + ", missed: all }\nsteps:\n  " +
			call("${{ run.workflow }}/${{ run.trigger.nominal }}") + "  - sleep: " + took + "\n"
	}
	return map[string]string{
		"allow": each("allow", "1500ms"), "queue": each("queue", "300ms"), "skip": each("skip", "1200ms"), "replace": each("replace", "1200ms"),
		"busy": "inputs: { key: { type: string } }\nconcurrency: { key: busy, limit: 2 }\nsteps:\n  " + call("busy/${{ inputs.key }}") + "  - sleep: 20ms\n",
	}
}

// An insistence is somebody who asks for runs, each until it has been granted, whoever lives.
type insistence struct {
	t        *testing.T
	address  string
	workflow string // empty: busy
	stopped  atomic.Bool
	all      sync.WaitGroup

	mu      sync.Mutex        // guards granted
	granted map[string]string // runs by the keys they were asked for with
}

func (a *insistence) start(server, people int) {
	a.granted = map[string]string{}
	for person := range people {
		a.all.Go(func() {
			for n := 0; !a.stopped.Load(); n++ {
				a.ask(fmt.Sprintf("%d-%d-%d", server, person, n))
				time.Sleep(time.Duration(50+rand.IntN(100)) * time.Millisecond) // more would queue for minutes
			}
		})
	}
}

// ask asks for a run until there is an answer, and then, to be sure, once more.
func (a *insistence) ask(key string) {
	for answers := 0; answers < 2; {
		var run struct{ ID string }
		body := fmt.Sprintf(`{"workflow":%q,"inputs":{"key":%q}}`, cmp.Or(a.workflow, "busy"), key)
		status, err := do("POST", "http://"+a.address+"/api/v1/runs", body, &run, "Idempotency-Key", key)
		switch {
		case err != nil || status == http.StatusServiceUnavailable:
			time.Sleep(10 * time.Millisecond)
			continue
		case status != http.StatusCreated && status != http.StatusOK || run.ID == "":
			a.t.Errorf("key %s: status %d, run %q", key, status, run.ID)
			return
		}
		a.grant(key, run.ID)
		answers++
	}
}

func (a *insistence) grant(key, run string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if before := a.granted[key]; before != "" && before != run {
		a.t.Errorf("key %s got the runs %s and %s", key, before, run)
	}
	a.granted[key] = run
}

func (a *insistence) stop() {
	a.stopped.Store(true)
	a.all.Wait()
}

func TestServeKilled(t *testing.T) {
	for name, servers := range map[string]int{"OneServer": 1, "TwoServersOnOneJournal": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			serveKilled(t, servers, max(6, killsWanted(t)/10))
		})
	}
}

// serveKilled has servers on one journal die so many times in all while everybody wants something of them.
func serveKilled(t *testing.T, servers, deaths int) {
	w := newWitness(t, 10*time.Millisecond)
	dir := servedFolder(t, "", firing(w))
	var people []*insistence
	var left atomic.Int64
	left.Store(int64(deaths))
	var all sync.WaitGroup
	for n := range servers {
		a := &insistence{t: t, address: freeAddress(t)}
		people = append(people, a)
		all.Go(func() {
			chance := rand.New(rand.NewPCG(5, uint64(n)))
			for left.Add(-1) >= 0 && !t.Failed() {
				s := startServing(t, dir, deathOf(chance), "--listen", a.address)
				if code := s.ends(); code != -1 {
					t.Errorf("the server was to be killed, and ended with %d:\n%s", code, s.said())
				}
			}
		})
		a.start(n, 4)
	}
	all.Wait()
	k := &aftermath{t: t, witness: w, dir: dir, granted: map[string]string{}}
	for _, a := range people {
		k.servers = append(k.servers, startServing(t, dir, "", "--listen", a.address))
	}
	for i, a := range people {
		k.servers[i].mustReady()
		a.stop()
		for key, run := range a.granted {
			k.granted[key] = run
		}
	}
	k.settle()
	for _, s := range k.servers {
		if code := s.stopped(); code != exitOK {
			t.Errorf("the last server ended with %d:\n%s", code, s.said())
		}
	}
	k.check()
}

// deathOf is when a server dies: at a commit, after one, or at any moment, also before it is ready.
func deathOf(chance *rand.Rand) string {
	switch chance.IntN(3) {
	case 0:
		return fmt.Sprint("sync ", 1+chance.IntN(120))
	case 1:
		return fmt.Sprint("next ", 1+chance.IntN(120))
	}
	return fmt.Sprint("time ", 50_000+chance.IntN(2_500_000))
}

// stopped ends the server by SIGTERM.
func (s *serving) stopped() int {
	s.t.Helper()
	s.signal(15)
	return s.ends()
}
