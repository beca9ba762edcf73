package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

// Tests that end twinbook by kill -9 while it runs workflows, and have another process go on. Whatever dies whenever:
// the run comes to the end it would have had, nothing that was told to be done is lost, and no device is called twice.
// A step that was calling a device at that moment is the one exception, and says so.

// killsVariable says how many deaths at random moments TestKilled needs; CI wants many.
const killsVariable = "TWINBOOK_KILLS"

// killsWanted is 50, or what the environment says.
func killsWanted(t *testing.T) int {
	text := os.Getenv(killsVariable)
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", killsVariable, err)
	}
	return n
}

// stride is which of the places are tried at which a process can be killed, where there are very many: every few
// of them, or all if many kills are wanted.
func stride(t *testing.T, few int) int {
	if killsWanted(t) > 50 {
		return 1
	}
	return few
}

// atOnceKilled is how many lives are led at the same time. They wait for devices most of the time.
const atOnceKilled = 12

// A killing is what the lives of a test have in common.
type killing struct {
	t     *testing.T // the part that is under way
	hub   *killHub
	empty string // a journal without runs
	dir   string
	ends  map[string]string // of the scenes, undisturbed
	took  map[string]time.Duration
	slots chan struct{} // of atOnceKilled
	lives atomic.Int64
	dead  atomic.Int64
}

// newKilling runs every scene once without a death, to see how it ends.
func newKilling(t *testing.T) *killing {
	t.Helper()
	k := &killing{t: t, dir: t.TempDir(), ends: map[string]string{}, took: map[string]time.Duration{}, slots: make(chan struct{}, atOnceKilled)}
	k.hub = startKillHub(t, "")
	k.empty = filepath.Join(k.dir, "empty.db")
	j, err := journal.OpenSQLite(t.Context(), k.empty, journal.Options{})
	if err == nil {
		err = j.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	k.each(len(scenes), func(i int) {
		s := scenes[i]
		l := k.newLife(s, "undisturbed")
		began := time.Now()
		l.lead()
		l.check("")
		mu.Lock()
		defer mu.Unlock()
		k.took[s.file] = time.Since(began)
		k.ends[s.file] = l.plainEnd(l.now[len(l.now)-1].End)
	})
	if t.Failed() {
		t.FailNow()
	}
	return k
}

// each calls f with 0 to n-1, some at the same time, until the test has failed.
func (k *killing) each(n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, atOnceKilled) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !k.t.Failed(); i = int(next.Add(1)) - 1 {
				k.alone(func() { f(i) })
			}
		})
	}
	all.Wait()
}

// alone calls f when there is room for one more.
func (k *killing) alone(f func()) {
	k.slots <- struct{}{}
	defer func() { <-k.slots }() // also after a t.Fatal
	f()
}

// newLife is one with an empty journal.
func (k *killing) newLife(s scene, name string) *life {
	l := k.newLifeWithout(s, name)
	copyJournal(k.t, k.empty, l.journal)
	return l
}

// newLifeWithout is one whose first process has to make the journal.
func (k *killing) newLifeWithout(s scene, name string) *life {
	k.lives.Add(1)
	dir, err := os.MkdirTemp(k.dir, "life-")
	if err != nil {
		k.t.Fatal(err)
	}
	return newLife(k.t, k.hub, s, filepath.Join(dir, "journal.db"), name)
}

// lead leads a life to its end, looks at it, and says how many deaths it had.
func (k *killing) lead(l *life, deaths ...string) int {
	l.lead(deaths...)
	l.check(k.ends[l.scene.file])
	l.close()
	k.dead.Add(int64(l.deaths))
	return l.deaths
}

// killedAt calls live with the numbers of places, from 1 on in steps, until there is nothing to be killed at one.
func (k *killing) killedAt(step int, live func(n int) (killed bool)) {
	const most = 1000
	var over atomic.Bool
	k.each(most, func(i int) {
		if !over.Load() && !live(1+i*step) {
			over.Store(true)
		}
	})
	if !over.Load() && !k.t.Failed() {
		k.t.Errorf("no end of it after %d places", most)
	}
}

func TestKilled(t *testing.T) {
	k := newKilling(t)
	for _, part := range []struct {
		name string
		f    func(*killing)
	}{
		{"AtEveryEvent", (*killing).atEveryEvent},
		{"AtRandomMoments", (*killing).atRandomMoments},
		{"WhileTheJournalIsMade", (*killing).whileTheJournalIsMade},
		{"InACheckpoint", (*killing).inACheckpoint},
		{"ThenResumedByTwo", (*killing).thenResumedByTwo},
		{"ThenResumedByOneAfterAnother", (*killing).thenResumedByOneAfterAnother},
		{"ThenResumedByTwoThatDie", (*killing).thenResumedByTwoThatDie},
		{"WhileQueuedAndTold", (*killing).whileQueuedAndTold},
		{"TogetherWithTheHub", (*killing).togetherWithTheHub},
	} {
		t.Run(part.name, func(t *testing.T) {
			k.t = t
			k.lives.Store(0)
			k.dead.Store(0)
			part.f(k)
			t.Logf("%d deaths in %d lives", k.dead.Load(), k.lives.Load())
		})
	}
}

// Each workflow is killed at each of its commits: right after it is on disk, before anybody has heard of it, and
// when all has been done that follows from it. Every third run is killed a second time while it is resumed.
func (k *killing) atEveryEvent() {
	var all sync.WaitGroup
	for _, s := range scenes {
		for kind, step := range map[string]int{"sync": 1, "next": stride(k.t, 2)} {
			all.Go(func() {
				k.killedAt(step, func(n int) (killed bool) {
					deaths := []string{fmt.Sprint(kind, " ", n)}
					if n%3 == 0 {
						deaths = append(deaths, fmt.Sprint(kind, " ", 1+n%4))
					}
					return k.lead(k.newLife(s, deaths[0]), deaths...) > 0
				})
			})
		}
	}
	all.Wait()
}

// Each workflow is killed at any moment, again and again.
func (k *killing) atRandomMoments() {
	wanted := killsWanted(k.t)
	k.each(10*wanted, func(i int) {
		if k.dead.Load() >= int64(wanted) {
			return
		}
		chance := rand.New(rand.NewPCG(4, uint64(i)))
		s := scenes[i%len(scenes)]
		moment := func() string { return fmt.Sprint("time ", chance.Int64N(k.took[s.file].Microseconds())) }
		deaths := []string{moment()}
		for chance.IntN(2) == 0 {
			deaths = append(deaths, moment())
		}
		begin := k.newLife
		if chance.IntN(4) == 0 {
			begin = k.newLifeWithout
		}
		k.lead(begin(s, fmt.Sprint(deaths)), deaths...)
	})
	if !k.t.Failed() && k.dead.Load() < int64(wanted) {
		k.t.Errorf("only %d of %d deaths came", k.dead.Load(), wanted)
	}
}
