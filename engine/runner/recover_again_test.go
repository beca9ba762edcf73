package runner

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// watched is a journal on disk that counts how often all runs are asked for, and may be full.
type watched struct {
	*journal.SQLite
	adopted int
	full    error
}

func (j *watched) Adopt(ctx context.Context) iter.Seq2[journal.Run, error] {
	j.adopted++
	return j.SQLite.Adopt(ctx)
}

func (j *watched) Append(ctx context.Context, run string, events []engine.Event, s journal.Standing) error {
	if j.full != nil {
		return j.full
	}
	return j.SQLite.Append(ctx, run, events, s)
}

// TestRecoverAgain has one server go on with what another one leaves, at some later call.
func TestRecoverAgain(t *testing.T) {
	file, p := filepath.Join(t.TempDir(), "journal.db"), program(sleep("nap", "24h"), do("a", once))
	ours, theirs := &watched{SQLite: openSQLite(t, file)}, openSQLite(t, file)
	defer closeSQLite(t, ours.SQLite)
	r := New(Config{Clock: clock.Real(), Journal: ours, Do: world{}.do, Program: always(p), Park: true})
	own, err := r.Start(t.Context(), p, engine.RunStart{ID: "ours"})
	if err != nil {
		t.Fatal(err)
	}
	other, stop := context.WithCancel(t.Context())
	h, err := New(Config{Clock: clock.Real(), Journal: theirs, Do: world{}.do, Program: always(p), Park: true}).Start(other, p, engine.RunStart{ID: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if handles, err := r.Recover(t.Context()); err != nil || len(handles) != 0 {
			t.Errorf("%d runs taken up, %v", len(handles), err)
		}
	}
	if ours.adopted != 1 {
		t.Errorf("all runs were asked for %d times, want once", ours.adopted)
	}
	stop()
	h.Wait(t.Context())
	closeSQLite(t, theirs)
	handles, err := r.Recover(t.Context())
	if err != nil || len(handles) != 1 || handles[0].ID() != "theirs" || ours.adopted != 2 {
		t.Fatalf("%d runs taken up, asked %d times, %v", len(handles), ours.adopted, err)
	}
	for _, h := range append(handles, own) {
		h.Cancel("enough")
		if o, err := h.Wait(t.Context()); err != nil || o.Status != engine.Cancelled {
			t.Errorf("run %s: %+v, %v", h.ID(), o, err)
		}
	}
}

// TestRecoverOfWhatTheJournalCouldNotKeep: a disk that was full has room again.
func TestRecoverOfWhatTheJournalCouldNotKeep(t *testing.T) {
	j, p := &watched{SQLite: openSQLite(t, filepath.Join(t.TempDir(), "journal.db"))}, program(do("a", once), do("b", once))
	defer closeSQLite(t, j.SQLite)
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Program: always(p), Park: true})
	if _, err := r.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.full = errors.New("disk full")
	h, err := r.Start(t.Context(), p, engine.RunStart{ID: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Wait(t.Context()); !errors.Is(err, j.full) {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		handles, err := r.Recover(t.Context())
		if err != nil || len(handles) != want {
			t.Fatalf("%d runs taken up, %v", len(handles), err)
		}
		if want > 0 {
			if _, err := handles[0].Wait(t.Context()); !errors.Is(err, j.full) {
				t.Fatal(err)
			}
			j.full = nil
			if handles, err = r.Recover(t.Context()); err != nil || len(handles) != 1 {
				t.Fatalf("%d runs taken up, %v", len(handles), err)
			}
			if o, err := handles[0].Wait(t.Context()); err != nil || o.Error == nil || o.Error.Kind != engine.KindInterrupted {
				t.Errorf("outcome %+v, %v", o, err)
			}
		}
	}
	if j.adopted != 1 {
		t.Errorf("all runs were asked for %d times, want once", j.adopted)
	}
}
