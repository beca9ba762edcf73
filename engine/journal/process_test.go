//go:build unix

package journal_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// Tests that need several processes start this test program again, as one of these.
var roles = map[string]func(t *testing.T, file string){"worker": work, "holder": hold, "server": serve}

func TestProcess(t *testing.T) {
	role := roles[os.Getenv("JOURNAL_ROLE")]
	if role == nil {
		t.Skip("is what other tests start")
	}
	role(t, os.Getenv("JOURNAL_FILE"))
}

// A process is this test program in a role.
type process struct {
	*exec.Cmd
	in    io.WriteCloser
	lines chan string // what it prints; closed when it has ended
}

func start(t *testing.T, role, file string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], "-test.run=^TestProcess$", "-test.v=false"), lines: make(chan string, 100_000)}
	p.Env = append(os.Environ(), "JOURNAL_ROLE="+role, "JOURNAL_FILE="+file)
	p.Stderr = os.Stderr
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in = in
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			p.lines <- scan.Text()
		}
		close(p.lines)
		p.Wait() // killed ones end with an error
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-ended
	})
	return p
}

// worker drives runs of its own, and those of processes that died.
type worker struct {
	t    *testing.T
	j    *journal.SQLite
	over atomic.Bool

	mu     sync.Mutex // guards what follows
	active map[string]bool
	all    sync.WaitGroup
}

// work drives runs until its input ends. It prints what was acknowledged.
func work(t *testing.T, file string) {
	w := &worker{t: t, j: open(t, file, journal.Options{Lease: time.Second}), active: map[string]bool{}}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		w.over.Store(true)
	}()
	for i := range 4 {
		w.all.Go(func() {
			for n := 0; !w.over.Load(); n++ {
				id := fmt.Sprint(os.Getpid(), "-", i, "-", n)
				w.enter(id)
				begin(t, w.j, id, journal.Standing{})
				w.drive(id)
			}
		})
	}
	for !w.over.Load() {
		for run, err := range w.j.Adopt(t.Context()) {
			if err != nil {
				fmt.Println("wrong adopt", err)
				break
			}
			if w.enter(run.ID) {
				w.all.Go(func() { w.drive(run.ID) })
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.all.Wait()
}

func (w *worker) enter(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.active[id] {
		return false
	}
	w.active[id] = true
	return true
}

// drive goes on with a run to its end. Each event says who wrote it and what number it must get, if nobody else
// drives the run.
func (w *worker) drive(id string) {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.active, id)
	}()
	events, err := w.j.Events(w.t.Context(), id, 0)
	if err != nil {
		fmt.Println("wrong events", err)
		return
	}
	if events[len(events)-1].Kind == engine.RunEnded {
		return
	}
	const length = 20
	for next := int64(len(events)) + 1; next <= length; next++ {
		e := engine.Event{Time: time.Now(), Kind: engine.StepDone, At: engine.Address(fmt.Sprint("n", next)), By: fmt.Sprint(os.Getpid())}
		if next == length {
			e.Kind, e.End = engine.RunEnded, &engine.Outcome{Status: engine.Succeeded}
		}
		batch := []engine.Event{e}
		switch err := w.j.Append(w.t.Context(), id, batch, journal.Standing{Parked: next%7 == 0}); {
		case errors.Is(err, journal.ErrLost):
			fmt.Println("lost", id)
			return
		case err != nil:
			fmt.Println("wrong append", err)
			return
		case batch[0].Seq != next:
			fmt.Println("wrong number", id, batch[0].Seq, "instead of", next)
			return
		}
		fmt.Println("ack", id, next)
	}
}

// TestProcessesShareAJournal has processes that drive runs in one file, and kills some. No event is lost or doubled, and no
// run is driven by two.
func TestProcessesShareAJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	acked := map[string]int64{} // by run
	hear := func(line string) {
		var run string
		var n int64
		if _, err := fmt.Sscanf(line, "ack %s %d", &run, &n); err == nil {
			if n <= acked[run] {
				t.Errorf("event %d of run %s was acknowledged after %d", n, run, acked[run])
			}
			acked[run] = n
		} else if strings.HasPrefix(line, "wrong") || strings.HasPrefix(line, "lost") {
			t.Error(line)
		}
	}
	workers := []*process{start(t, "worker", file), start(t, "worker", file), start(t, "worker", file)}
	for kill := range 4 {
		for range 150 { // so that all are at work
			for _, w := range workers {
				select {
				case line := <-w.lines:
					hear(line)
				case <-time.After(20 * time.Second):
					t.Fatal("a worker says nothing")
				}
			}
		}
		victim := workers[kill%3]
		victim.Process.Kill()
		for line := range victim.lines {
			hear(line)
		}
		workers[kill%3] = start(t, "worker", file)
	}
	for _, w := range workers {
		w.in.Close()
	}
	for _, w := range workers {
		for line := range w.lines {
			hear(line)
		}
	}
	checkShared(t, file, acked)
}

func checkShared(t *testing.T, file string, acked map[string]int64) {
	j := open(t, file, journal.Options{})
	movers := 0
	for run, last := range acked {
		events, err := j.Events(t.Context(), run, 0)
		if err != nil || int64(len(events)) < last {
			t.Errorf("run %s has %d events, %v; %d were acknowledged", run, len(events), err, last)
		}
		by := ""
		for i, e := range events {
			if e.Seq != int64(i)+1 || i >= 2 && string(e.At) != fmt.Sprint("n", e.Seq) {
				t.Errorf("run %s: event %d is %s", run, e.Seq, e.At)
			}
			if i > 2 && e.By != by {
				movers++
			}
			by = e.By
		}
	}
	if movers == 0 {
		t.Error("no run was taken over by another process")
	}
	t.Logf("%d runs, %d times one was taken over", len(acked), movers)
	runs, err := j.Runs(t.Context(), journal.Filter{})
	if err != nil || len(runs) < len(acked) {
		t.Errorf("%d runs, %v, want %d at least", len(runs), err, len(acked))
	}
}

// hold begins a run and appends to it each time it is told to.
func hold(t *testing.T, file string) {
	j := open(t, file, journal.Options{Lease: 300 * time.Millisecond})
	begin(t, j, "r1", journal.Standing{})
	fmt.Println("ready")
	for scan := bufio.NewScanner(os.Stdin); scan.Scan(); {
		fmt.Println("append:", j.Append(t.Context(), "r1", done("by the holder"), journal.Standing{}))
	}
}

// TestAStoppedProcessLosesItsRuns: it cannot say that it lives, so another one takes its run; when it goes on, it
// learns so before it can do anything.
func TestAStoppedProcessLosesItsRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	holder := start(t, "holder", file)
	next := func() string {
		select {
		case line := <-holder.lines:
			return line
		case <-time.After(20 * time.Second):
			t.Fatal("the holder says nothing")
			return ""
		}
	}
	if line := next(); line != "ready" {
		t.Fatal(line)
	}
	fmt.Fprintln(holder.in)
	if line := next(); line != "append: <nil>" {
		t.Fatal(line)
	}
	j := open(t, file, journal.Options{Lease: 300 * time.Millisecond, Patience: 200 * time.Millisecond})
	if err := j.Claim(t.Context(), "r1"); !errors.Is(err, journal.ErrDriven) {
		t.Fatalf("claim from a living process: %v, want ErrDriven", err)
	}
	stop(t, holder, j)
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := j.Claim(t.Context(), "r1")
		if err == nil {
			break
		}
		if !errors.Is(err, journal.ErrDriven) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if err := j.Append(t.Context(), "r1", done("by the heir"), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	if err := holder.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(holder.in)
	if line := next(); !strings.Contains(line, journal.ErrLost.Error()) {
		t.Errorf("the holder says %q, want that it has lost the run", line)
	}
	events, err := j.Events(t.Context(), "r1", 2)
	if err != nil || len(events) != 2 || events[0].At != "by the holder" || events[1].At != "by the heir" {
		t.Errorf("events %+v, %v", events, err)
	}
}

// stop stops a process, at a moment when it is not in the middle of a commit: others could not write then.
func stop(t *testing.T, p *process, j *journal.SQLite) {
	t.Helper()
	for range 50 {
		if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Begin(t.Context(), journal.Beginning{Events: []engine.Event{{Time: time.Now(), Kind: engine.RunStarted,
			Start: &engine.RunStart{ID: journal.NewID(time.Now())}}}}); err == nil {
			return
		}
		p.Process.Signal(syscall.SIGCONT)
	}
	t.Fatal("it is always in the middle of a commit")
}
