package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// A process that dies while it makes the journal, before any of its writes, leaves one that the next process opens.
func (k *killing) whileTheJournalIsMade() {
	check := scenes[4] // what follows the making is short
	k.killedAt(stride(k.t, 7), func(n int) (*life, []string) {
		death := fmt.Sprint("write ", n)
		return k.newLifeWithout(check, "without a journal, "+death), []string{death}
	})
}

// A process that dies in a checkpoint, before any write of it, leaves a journal that has all.
func (k *killing) inACheckpoint() {
	full := filepath.Join(k.dir, "full.db")
	fillLog(k.t, k.dir, full)
	reboot := scenes[0]
	var mu sync.Mutex
	var lives []*life
	k.killedAt(stride(k.t, 5), func(n int) (*life, []string) {
		death := fmt.Sprint("database ", n)
		l := k.newLifeWithout(reboot, "with a long log, "+death)
		copyJournal(k.t, full, l.journal)
		mu.Lock()
		lives = append(lives, l)
		mu.Unlock()
		return l, []string{death, fmt.Sprint("database ", 1+n/2)}
	})
	if !slices.ContainsFunc(lives, func(l *life) bool {
		return l.deaths > 0 && len(l.past[0]) > 0 && l.past[0][len(l.past[0])-1].Kind != engine.RunEnded
	}) {
		k.t.Error("no run died in a checkpoint before its end, but in that after it; has the number of pages changed?")
	}
}

// fillLog makes a journal in to whose log is about to be brought into the database, as a process leaves it that dies.
func fillLog(t *testing.T, dir, to string) {
	t.Helper()
	whole := filepath.Join(dir, "whole.db")
	var before time.Time
	runs := fill(t, whole, "", func(n int) bool { // until the database is written for the first time
		file, err := os.Stat(whole)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			before = file.ModTime()
		}
		return file.ModTime() != before
	})
	fill(t, filepath.Join(dir, "part.db"), to, func(n int) bool { return n == runs-1 })
}

// fill makes runs until there are enough, and copies the journal; it says how many.
func fill(t *testing.T, file, to string, enough func(n int) bool) (n int) {
	t.Helper()
	j, err := journal.OpenSQLite(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for ; !enough(n); n++ {
		begin := engine.Event{Time: time.Now(), Kind: engine.RunStarted, Start: &engine.RunStart{ID: fmt.Sprint("filler-", n), Workflow: "filler"}}
		end := engine.Event{Time: time.Now(), Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Succeeded}}
		if err := j.Begin(t.Context(), journal.Beginning{Events: []engine.Event{begin, end}}); err != nil {
			t.Fatal(err)
		}
	}
	if to != "" {
		copyJournal(t, file, to)
	}
	return n
}
