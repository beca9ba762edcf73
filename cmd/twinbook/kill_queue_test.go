package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// locks is a workflow whose runs have to wait for each other, and for a signal.
var locks = scene{"testdata/kill/locks.yaml", 1, func(d []string, _ string) []string { return []string{"device=" + d[0]} }, true}

// Two processes die, one while its run holds a lock and waits for a signal, the other while its run waits for the lock.
// Then both are told, while nobody is there, and resumed by a process that is killed at each of its commits, and by
// another one: one run after the other comes to its end, each with its signal, and no device is called twice.
func (k *killing) whileQueuedAndTold() {
	k.killedAt(stride(k.t, 2), func(n int) (killed bool) {
		death := fmt.Sprint("next ", n)
		holds, waits := k.newLife(locks, "that holds the lock, "+death), k.newLife(locks, "that waits, "+death)
		waits.journal = holds.journal
		holds.dieOnce(`"asks"`)
		waits.dieOnce(`"queued":true`)
		both := []*life{holds, waits}
		for _, l := range both {
			l.unseen = true
			l.tellReady()
		}
		for range 10 {
			p := waits.process(death, "runs", "resume", "--all")
			for _, l := range both {
				l.lookOn(p)
			}
			if !p.killed {
				break
			}
			death, killed = "", true
		}
		k.dead.Add(2)
		if killed {
			k.dead.Add(1)
		}
		for _, l := range both {
			if !l.over() {
				l.errorf("it has no end:\n%s", journalText(l.now))
				continue
			}
			l.check("")
			l.checkTold()
			l.close()
		}
		if holds.over() && waits.over() {
			checkTurn(k.t, holds.now, waits.now)
		}
		return killed
	})
}

// dieOnce begins the run, in a process that is killed as soon as it has told of something.
func (l *life) dieOnce(word string) {
	l.t.Helper()
	ctx, kill := context.WithTimeout(context.Background(), patience)
	defer kill()
	c := exec.CommandContext(ctx, mortalName, append(l.begin(), "--journal", l.journal, "--output", "jsonl")...)
	c.Env = append(os.Environ(), "IOTHUB_CONNECTION_STRING="+l.hub.address(), "TWINBOOK_CONFIG=", "TWINBOOK_JOURNAL=")
	out := &lookout{word: []byte(word), seen: kill}
	c.Stdout = out
	c.Run()
	l.lookOn(exited{killed: true, out: out.text.Bytes()})
	if !out.met || l.over() {
		l.errorf("it was to wait, and has told\n%s", &out.text)
	}
}

// A lookout calls seen once a word was written.
type lookout struct {
	text bytes.Buffer
	word []byte
	seen func()
	met  bool
}

func (o *lookout) Write(p []byte) (int, error) {
	o.text.Write(p)
	if !o.met && bytes.Contains(o.text.Bytes(), o.word) {
		o.met = true
		o.seen()
	}
	return len(p), nil
}

// tellReady sends the run its signal.
func (l *life) tellReady() {
	l.t.Helper()
	j, err := journal.OpenSQLite(l.t.Context(), l.journal, journal.Options{})
	if err == nil {
		s := &engine.Signal{Name: "ready", Payload: l.devices[0], Roles: []string{"operator"}}
		err = j.Ask(l.t.Context(), journal.Request{Run: l.now[0].Start.ID, Kind: engine.SignalReceived, Signal: s, By: "ann", Time: time.Now()})
		j.Close()
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// checkTold: the run has heard its signal once, and has its payload.
func (l *life) checkTold() {
	l.t.Helper()
	heard := 0
	for _, e := range l.now {
		if e.Kind == engine.SignalReceived {
			heard++
		}
	}
	if end := l.now[len(l.now)-1].End; heard != 1 || end.Status != engine.Succeeded || end.Outputs["with"] != l.devices[0] {
		l.errorf("it heard %d signals, and ended as %s", heard, jsonLine(end))
	}
}

// checkTurn: the second run was queued, and began when the first one had ended.
func checkTurn(t *testing.T, first, second []engine.Event) {
	t.Helper()
	ended, turns := first[len(first)-1].Time, 0
	for _, e := range second[1:] {
		switch {
		case e.Kind == engine.RunAdmitted:
			turns++
		case turns == 0 && e.Kind != engine.SignalReceived:
			t.Errorf("%s before its turn:\n%s", e.Kind, journalText(second))
		}
		if turns > 0 && e.Time.Before(ended) {
			t.Errorf("%s before the other run has ended, at %v:\n%s", e.Kind, ended, journalText(second))
		}
	}
	if turns != 1 || !second[0].Start.Queued {
		t.Errorf("%d turns of the queued run:\n%s", turns, journalText(second))
	}
}
