package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// Many processes die on one journal; then two resume all runs at the same time, and each run is driven by one of them.
func (k *killing) thenResumedByTwo() { k.resumeInPairs(pair{}) }

// The second one begins when the first one drives runs already, and leaves them alone.
func (k *killing) thenResumedByOneAfterAnother() { k.resumeInPairs(pair{inTurn: true}) }

// Those that resume die as well, and others take over.
func (k *killing) thenResumedByTwoThatDie() {
	k.resumeInPairs(pair{deaths: [2]string{"sync 2", "sync 3"}}, pair{deaths: [2]string{"sync 4", "sync 2"}}, pair{deaths: [2]string{"sync 5", ""}}, pair{})
}

// A pair are two processes that resume all runs of one journal.
type pair struct {
	deaths [2]string
	inTurn bool // the second one waits until the first one has told something
}

// resumeInPairs leaves runs behind, and has pairs resume them, one pair after another.
func (k *killing) resumeInPairs(pairs ...pair) {
	lives := k.leaveUnfinished(filepath.Join(k.dir, filepath.Base(k.t.Name())+".db"))
	both := 0
	for _, p := range pairs {
		driven := k.resumeTwice(lives, p)
		if len(driven[0]) > 0 && len(driven[1]) > 0 {
			both++
		}
		for _, id := range driven[0] {
			if p.deaths[0]+p.deaths[1] == "" && slices.Contains(driven[1], id) {
				k.t.Errorf("run %s is driven by both", id)
			}
		}
	}
	k.t.Logf("in %d of %d pairs both drove runs", both, len(pairs))
	for _, l := range lives {
		if !l.over() {
			l.errorf("it has no end:\n%s", journalText(l.now))
			continue
		}
		l.check(k.ends[l.scene.file])
		l.close()
	}
}

// leaveUnfinished begins runs at the same time on one journal, each in a process that dies.
func (k *killing) leaveUnfinished(file string) []*life {
	copyJournal(k.t, k.empty, file)
	var lives []*life
	for i := range 3 * len(scenes) {
		s := scenes[i%len(scenes)]
		if s.devices == 0 {
			continue // nothing tells its runs from each other
		}
		l := newLife(k.t, k.hub, s, file, fmt.Sprint("on a shared journal, ", i))
		l.unseen = true
		lives = append(lives, l)
	}
	k.each(len(lives), func(i int) {
		l := lives[i]
		p := l.process(fmt.Sprint("next ", 3+i%3), l.begin()...)
		if !p.killed {
			l.errorf("it lives: %s%s", p.out, p.err)
		}
	})
	k.dead.Add(int64(len(lives)))
	return lives
}

// resumeTwice has two processes resume all runs at the same time, and says which runs each of them has driven.
func (k *killing) resumeTwice(lives []*life, p pair) (driven [2][]string) {
	for _, l := range lives {
		l.lookOn(exited{killed: true})
	}
	var both sync.WaitGroup
	turn := make(chan struct{})
	next := sync.OnceFunc(func() { close(turn) })
	for i, death := range p.deaths {
		both.Go(func() {
			defer next()
			if p.inTurn && i == 1 {
				<-turn
			}
			e := lives[0].processTelling(next, death, "runs", "resume", "--all")
			if e.killed {
				k.dead.Add(1)
			}
			driven[i] = runsIn(k.t, e.out)
		})
	}
	both.Wait()
	for _, l := range lives {
		l.lookOn(exited{})
	}
	return driven
}

// runsIn are the runs that lines of output tell of.
func runsIn(t *testing.T, out []byte) (ids []string) {
	t.Helper()
	for line := range bytes.Lines(out) {
		var told eventJSON
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		if err := json.Unmarshal(line, &told); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if !slices.Contains(ids, told.Run) {
			ids = append(ids, told.Run)
		}
	}
	return ids
}

// hubKills is how often the hub is killed.
const hubKills = 5

// The hub is killed again and again while runs live, and while half of them are killed, too. Each run ends, and
// what its journal says of its devices is true.
func (k *killing) togetherWithTheHub() {
	k.hub = startKillHub(k.t, filepath.Join(k.dir, "hub"))
	chance := rand.New(rand.NewPCG(4, 4))
	n := 2 * len(scenes)
	lives, deaths := make([]*life, n), make([][]string, n)
	for i := range lives {
		lives[i] = k.newLife(scenes[i%len(scenes)], "under a mortal hub")
		lives[i].unseen = true
		for i >= len(scenes) && len(deaths[i]) < 2 {
			deaths[i] = append(deaths[i], fmt.Sprint("time ", chance.IntN(600_000)))
		}
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		k.each(n, func(i int) { lives[i].lead(deaths[i]...) })
	}()
	kills := 0
	for range hubKills {
		select {
		case <-over:
		case <-time.After(time.Duration(chance.IntN(400)) * time.Millisecond):
			k.hub.restart()
			kills++
		}
	}
	<-over
	k.t.Logf("the hub was killed %d times", kills)
	for _, l := range lives {
		l.check("")
		l.checkLost()
		k.dead.Add(int64(l.deaths))
		l.close()
	}
}

// checkLost: a run whose hub was gone succeeds all the same, or says what that did to it.
func (l *life) checkLost() {
	l.t.Helper()
	if !l.over() {
		return
	}
	end := l.now[len(l.now)-1].End
	known := []engine.ErrorKind{engine.KindUnavailable, engine.KindInterrupted, engine.KindOffline, engine.KindTimeout}
	if end.Status != engine.Succeeded && (end.Error == nil || !slices.Contains(known, end.Error.Kind)) {
		l.errorf("the end is %s", l.plainEnd(end))
	}
}
