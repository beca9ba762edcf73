package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// The layout of SQLite's write-ahead log: a header, then frames of a header and a page each.
const (
	walHeader   = 32
	frameHeader = 24
	pageSize    = 4096
	frameSize   = frameHeader + pageSize
)

// An ack is an append that was acknowledged when the log had this size.
type ack struct {
	size int64
	run  string
	last int64 // the number of its last event
}

// recorded is a journal as its files were before it was closed, and what was acknowledged when.
type recorded struct {
	main, wal []byte
	acks      []ack
}

// record has some runs append at once, and park, end and begin others in between.
func record(t *testing.T) recorded {
	dir := t.TempDir()
	file := filepath.Join(dir, "journal.db")
	j := open(t, file, journal.Options{})
	var mu sync.Mutex
	var r recorded
	acknowledge := func(run string, last int64) {
		info, err := os.Stat(file + "-wal") // at least what the append needed
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		r.acks = append(r.acks, ack{info.Size(), run, last})
	}
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			for n := range 2 {
				id := fmt.Sprint("run-", i, "-", n)
				begin(t, j, id, journal.Standing{})
				acknowledge(id, 2)
				for k := range 6 {
					events := done(fmt.Sprint(id, "/", k))
					if k == 5 && n == 0 {
						events = ended()
					}
					if k == 2 {
						events = append(events, big(k)...)
					}
					if err := j.Append(t.Context(), id, events, journal.Standing{Parked: k == 3, Alert: k == 3}); err != nil {
						t.Error(err)
						return
					}
					acknowledge(id, events[len(events)-1].Seq)
				}
			}
		})
	}
	all.Wait()
	r.main, r.wal = read(t, file), read(t, file+"-wal")
	return r
}

// big is an event of several pages.
func big(k int) []engine.Event {
	return []engine.Event{{Time: time.Unix(1e9, 0), Kind: engine.StepDone, At: "big", Value: fmt.Sprint(k, string(bytes.Repeat([]byte("x"), 3*pageSize)))}}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// check opens a copy of the files: it holds a beginning of every run, with all that was acknowledged up to size.
func (r recorded) check(t *testing.T, what string, main, wal []byte, size int64) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "journal.db")
	write(t, file, main)
	write(t, file+"-wal", wal)
	j, err := journal.OpenSQLite(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer j.Close()
	need := map[string]int64{}
	for _, a := range r.acks {
		if a.size <= size {
			need[a.run] = max(need[a.run], a.last)
		} else if need[a.run] == 0 {
			need[a.run] = 0 // it may be there
		}
	}
	for run, last := range need {
		events, err := j.Events(t.Context(), run, 0)
		if errors.Is(err, journal.ErrNotFound) && last == 0 {
			continue
		}
		if err != nil || int64(len(events)) < last {
			t.Fatalf("%s: run %s has %d events, %v; %d were acknowledged", what, run, len(events), err, last)
		}
		for i, e := range events {
			if e.Seq != int64(i)+1 {
				t.Fatalf("%s: run %s: event %d stands at %d", what, run, e.Seq, i+1)
			}
		}
		line, err := j.Run(t.Context(), run)
		if end := events[len(events)-1].Kind == engine.RunEnded; err != nil || end == line.Ended.IsZero() {
			t.Fatalf("%s: run %s ended %v, %v; its last event is %s", what, run, line.Ended, err, events[len(events)-1].Kind)
		}
	}
	if size%7 != 0 {
		return
	}
	for run, err := range j.Adopt(t.Context()) { // and it can go on; looked at now and then, since each commit takes its time
		if err == nil {
			err = j.Append(t.Context(), run.ID, done("more"), journal.Standing{})
		}
		if err != nil {
			t.Fatalf("%s: go on with %s: %v", what, run.ID, err)
		}
	}
}

// TestCutAnywhere cuts the log where a crash may have: at every frame, within frames, and with sectors of the last one
// that did not get there.
func TestCutAnywhere(t *testing.T) {
	r := record(t)
	chance := rand.New(rand.NewPCG(7, 7))
	frames := (len(r.wal) - walHeader) / frameSize
	t.Logf("%d frames, %d acknowledged appends", frames, len(r.acks))
	for i := range frames + 1 {
		if testing.Short() && i%8 != 0 {
			continue
		}
		end := walHeader + i*frameSize
		r.check(t, fmt.Sprint("cut after frame ", i), r.main, r.wal[:end], int64(end))
		if i == frames || i%12 != 0 {
			continue
		}
		within := end + 1 + chance.IntN(frameSize-1)
		r.check(t, fmt.Sprint("cut at byte ", within), r.main, r.wal[:within], int64(end))
		torn := bytes.Clone(r.wal[:end+frameSize])
		for sector := (end / 512) * 512; sector < len(torn); sector += 512 {
			if chance.IntN(2) == 0 {
				clear(torn[max(sector, end):min(sector+512, len(torn))])
			}
		}
		r.check(t, fmt.Sprint("torn frame ", i+1), r.main, torn, int64(end))
	}
	r.check(t, "cut in the header", r.main, r.wal[:chance.IntN(walHeader)], 0)
	r.check(t, "no log", r.main, nil, 0)
}

// TestPartlyCheckpointed has pages of the log copied into the file, all, some or torn ones, as a crash in the middle of
// that leaves them: the log is whole then, and counts.
func TestPartlyCheckpointed(t *testing.T) {
	r := record(t)
	chance := rand.New(rand.NewPCG(8, 8))
	frames := (len(r.wal) - walHeader) / frameSize
	for i := range 20 {
		main := bytes.Clone(r.main)
		for f := range frames {
			frame := r.wal[walHeader+f*frameSize:][:frameSize]
			at := (int(binary.BigEndian.Uint32(frame)) - 1) * pageSize
			if need := at + pageSize - len(main); need > 0 {
				main = append(main, make([]byte, need)...)
			}
			page := frame[frameHeader:]
			switch chance.IntN(3) {
			case 0:
				copy(main[at:], page)
			case 1: // some sectors of it
				for sector := 0; sector < pageSize; sector += 512 {
					if chance.IntN(2) == 0 {
						copy(main[at+sector:], page[sector:sector+512])
					}
				}
			}
		}
		r.check(t, fmt.Sprint("checkpoint ", i), main, r.wal, int64(len(r.wal)))
	}
}

// TestCutSlots cuts the log of runs that hold slots, wait for them and replace each other: places and marks are as between two commits.
func TestCutSlots(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, file, journal.Options{})
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			for n := range 8 {
				id, full := fmt.Sprint("run-", i, "-", n), engine.Queue
				if n == 5 {
					full = engine.Replace
				}
				enterMarked(t, j, id, engine.Slot{Key: fmt.Sprint("k", i%2), Limit: 2, WhenFull: full}, engine.Slot{Key: "all", Limit: 3, WhenFull: engine.Queue})
				if n >= 3 {
					if err := j.Append(t.Context(), fmt.Sprint("run-", i, "-", n-3), ended(), journal.Standing{}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	main, wal := read(t, file), read(t, file+"-wal")
	frames := (len(wal) - walHeader) / frameSize
	most := 0
	for i := 0; i <= frames; i += 2 {
		cut := filepath.Join(t.TempDir(), "journal.db")
		write(t, cut, main)
		write(t, cut+"-wal", wal[:walHeader+i*frameSize])
		db := raw(t, cut)
		var rows int
		if err := db.QueryRow("SELECT count(*) FROM slots").Scan(&rows); err != nil && i > frames/2 {
			t.Fatal(err)
		} else if err == nil {
			checkSlots(t, db)
		}
		most = max(most, rows)
		db.Close()
	}
	if most < 6 {
		t.Errorf("there were never more than %d rows of slots", most)
	}
}

func enterMarked(t *testing.T, j journal.Journal, id string, slots ...engine.Slot) {
	if _, err := j.Begin(t.Context(), asking(id, func(b *journal.Beginning) {
		b.Slots, b.Marks = slots, []journal.Mark{{Scope: "api", Name: id}}
	})); err != nil {
		t.Error(err)
	}
}
