package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestASpoolKeepsTheOrderOfAllWriters(t *testing.T) {
	var both bytes.Buffer
	s := newSpool(t.Context())
	out, err := s.to(&both), s.to(struct{ io.Writer }{&both})
	want := ""
	for _, word := range strings.Fields("a b c d e f g h") {
		out.Write([]byte(word))
		err.Write([]byte(strings.ToUpper(word)))
		want += word + strings.ToUpper(word)
	}
	if lost := s.close(&both); lost != nil || both.String() != want {
		t.Errorf("got %q and %v, want %q", both.String(), lost, want)
	}
}

func TestASpoolTellsTheFirstFailure(t *testing.T) {
	full := errors.New("no space left")
	w := &failing{err: full}
	s := newSpool(t.Context())
	for range 3 {
		s.to(w).Write([]byte("x"))
	}
	if lost := s.close(w); lost != full || w.calls != 1 {
		t.Errorf("got %v after %d writes, want %v after 1", lost, w.calls, full)
	}
}

func TestAReaderThatHasSeenEnough(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	for _, c := range []struct {
		lost error
		code int
		says string
	}{{syscall.EPIPE, exitOK, ""}, {syscall.ENOSPC, exitFailed, "could not be written"}} {
		var says bytes.Buffer
		code := run(t.Context(), []string{"steps"}, nil, &failing{err: &os.PathError{Op: "write", Path: "stdout", Err: c.lost}}, &says, none)
		if code != c.code || !strings.Contains(says.String(), c.says) || c.says == "" && says.Len() > 0 {
			t.Errorf("%v: exit code %d, %q", c.lost, code, &says)
		}
	}
}

// A part of an export is not what was asked for, and nobody else could tell that it is a part.
func TestAnExportThatIsCutOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "export.yaml")
	workflow := "version: 1\nworkflow: w\nsteps:\n  - log: done\n"
	if err := os.WriteFile(file, []byte(workflow), 0o600); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"XDG_STATE_HOME": state}[name]
		return value, ok
	}
	var says bytes.Buffer
	if code := run(t.Context(), []string{"--config", "../../twinbook.yaml", "run", file}, nil, io.Discard, &says, env); code != exitOK {
		t.Fatalf("exit code %d, %s", code, &says)
	}
	for _, lost := range []error{nil, syscall.EPIPE, syscall.ENOSPC} {
		says.Reset()
		code := run(t.Context(), []string{"runs", "export", "--all"}, nil, &failing{err: lost}, &says, env)
		switch exported := strings.Contains(says.String(), "exported 1 run"); {
		case lost == nil && (code != exitOK || !exported):
			t.Errorf("exit code %d, %q", code, &says)
		case lost != nil && (code != exitFailed || exported || !strings.Contains(says.String(), "could not be written: "+lost.Error())):
			t.Errorf("%v: exit code %d, %q", lost, code, &says)
		}
	}
}

type failing struct {
	err   error
	calls int
}

func (f *failing) Write(b []byte) (int, error) {
	f.calls++
	if f.err != nil {
		return 0, f.err
	}
	return len(b), nil
}

// A reader that never reads holds up neither who writes nor, after a signal, the end.
func TestASpoolDoesNotWaitForAReaderThatSleeps(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	s := newSpool(ctx)
	line := bytes.Repeat([]byte("x"), 64<<10)
	for range 50 { // far more than a pipe holds, and less than a spool does
		s.to(w).Write(line)
	}
	cancel()
	for range 50 { // now what finds no room is dropped
		s.to(w).Write(line)
	}
	began := time.Now()
	s.close(w)
	if took := time.Since(began); took > lastWrites+patience {
		t.Errorf("it took %v to give up", took)
	}
}

// Whatever a run does and however it ends, nothing of it is left: no goroutine, no socket, no device.
func TestARunLeavesNothingBehind(t *testing.T) {
	known := map[string]string{"TWINBOOK_CONFIG": "../../twinbook.yaml", "XDG_STATE_HOME": t.TempDir()}
	env := func(name string) (string, bool) {
		value, ok := known[name]
		return value, ok
	}
	once := func(ctx context.Context, file string) int {
		return run(ctx, []string{"run", file}, strings.NewReader(""), io.Discard, io.Discard, env)
	}
	if code := once(t.Context(), "../../workflows/restart-service.yaml"); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	before := settledGoroutines(0)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(interrupted{signal: os.Interrupt})
	for range 3 {
		once(t.Context(), "../../workflows/restart-service.yaml")
		once(t.Context(), "nothing.yaml")
		if code := once(ended, "../../workflows/restart-service.yaml"); code != 130 {
			t.Errorf("exit code %d of a run that was interrupted, want 130", code)
		}
	}
	if after := settledGoroutines(before); after > before {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
	}
}

// settledGoroutines waits until there are no more than want, or until their number no longer falls.
func settledGoroutines(want int) int {
	least := runtime.NumGoroutine()
	for calm := 0; calm < 50 && least > want; calm++ {
		time.Sleep(2 * time.Millisecond) // goroutines that have been told to end have no other sign
		if n := runtime.NumGoroutine(); n < least {
			least, calm = n, 0
		}
	}
	return least
}
