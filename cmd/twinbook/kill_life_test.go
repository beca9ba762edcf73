package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/simulator/device"
)

// A scene is a workflow that is killed.
type scene struct {
	file    string
	devices int
	inputs  func(devices []string, site string) []string
	bears   bool // that steps are interrupted, and succeeds all the same
}

// scenes are all workflows that we give to people, and one in which much happens at once.
var scenes = []scene{
	{"../../workflows/reboot.yaml", 1, func(d []string, _ string) []string { return []string{"device=" + d[0]} }, false},
	{"../../workflows/restart-service.yaml", 1, func(d []string, _ string) []string { return []string{"device=" + d[0]} }, false},
	{"../../workflows/canary.yaml", 3, func(d []string, _ string) []string {
		return []string{"canary=" + d[0], fmt.Sprintf(`others=["%s", "%s"]`, d[1], d[2])}
	}, false},
	{"../../workflows/configure.yaml", 2, func(_ []string, site string) []string { return []string{"site=" + site} }, false},
	{"../../workflows/firmware-check.yaml", 0, func([]string, string) []string { return nil }, false},
	{"testdata/kill/valves.yaml", 1, func(d []string, _ string) []string { return []string{"device=" + d[0]} }, true},
}

// short is the scene with the least in it.
var short = scenes[4]

// A life is a run and the processes that drive it, one after another.
type life struct {
	t       *testing.T
	hub     *killHub
	scene   scene
	name    string // in messages
	journal string
	site    string
	devices []string
	playing *device.Running
	close   func() // ends them

	unseen bool // deaths of others than its own processes, of which it does not know, interrupt it, too
	deaths int
	now    []engine.Event   // as the latest process left them
	past   [][]engine.Event // as each process left them that was killed
}

// newLife gives a run that has not begun, on devices of its own.
func newLife(t *testing.T, h *killHub, s scene, journal, name string) *life {
	l := &life{t: t, hub: h, scene: s, journal: journal, name: fmt.Sprintf("%s %s", filepath.Base(s.file), name)}
	l.site = fmt.Sprintf("site-%d", h.sites.Add(1))
	ctx, stop := context.WithCancel(t.Context())
	l.close = stop
	l.devices, l.playing = h.newDevices(ctx, s.devices, l.site)
	return l
}

// errorf fails the test, and says in which life.
func (l *life) errorf(format string, args ...any) {
	l.t.Helper()
	l.t.Errorf(l.name+": "+format, args...)
}

// lead brings the run to its end through the deaths of its processes. The first one runs the workflow, and the others
// resume it; once the deaths are used up they live on.
func (l *life) lead(deaths ...string) {
	for range 10 {
		death := ""
		if len(deaths) > 0 {
			death, deaths = deaths[0], deaths[1:]
		}
		args := []string{"runs", "resume", "--all"}
		if len(l.now) == 0 {
			args = l.begin()
		}
		p := l.process(death, args...)
		l.look(p)
		if !p.killed && l.over() {
			return
		}
		if !p.killed {
			l.errorf("%v left the run without an end, exit code %d:\n%s%s", args, p.code, p.out, p.err)
			return
		}
	}
	l.errorf("no end after ten processes")
}

// begin is the command that begins the run.
func (l *life) begin() []string {
	args := []string{"run", l.scene.file}
	for _, i := range l.scene.inputs(l.devices, l.site) {
		args = append(args, "--input", i)
	}
	return args
}

// over says whether the run has ended.
func (l *life) over() bool {
	return len(l.now) > 0 && l.now[len(l.now)-1].Kind == engine.RunEnded
}

// An exited is a process that has ended.
type exited struct {
	killed   bool
	code     int
	out, err []byte
	took     time.Duration
}

// process runs twinbook, which dies as death says.
func (l *life) process(death string, args ...string) exited {
	return l.processTelling(func() {}, death, args...)
}

// processTelling is process, and calls begun when that has written something.
func (l *life) processTelling(begun func(), death string, args ...string) exited {
	return runMortal(l.t, begun, l.hub.address(), death, append(args, "--journal", l.journal, "--output", "jsonl")...)
}

// An ear keeps what it hears, and says when that begins.
type ear struct {
	text  bytes.Buffer
	begun func()
}

func (e *ear) Write(p []byte) (int, error) {
	if e.text.Len() == 0 {
		e.begun()
	}
	return e.text.Write(p)
}

func runMortal(t *testing.T, begun func(), hub, death string, args ...string) exited {
	ctx, stop := context.WithTimeout(context.Background(), 2*patience)
	defer stop()
	c := exec.CommandContext(ctx, mortalName, args...)
	c.Env = append(os.Environ(), "IOTHUB_CONNECTION_STRING="+hub, "TWINBOOK_CONFIG=", "TWINBOOK_JOURNAL=", deathVariable+"="+death)
	out, said := ear{begun: begun}, bytes.Buffer{}
	c.Stdout, c.Stderr = &out, &said
	began := time.Now()
	err := c.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		t.Fatalf("twinbook %v, to die at %q: %v, %v\n%s%s", args, death, err, ctx.Err(), &out.text, &said)
	}
	code := c.ProcessState.ExitCode()
	return exited{killed: code < 0, code: code, out: out.text.Bytes(), err: said.Bytes(), took: time.Since(began)}
}

// look compares what a process has told with what it left behind.
func (l *life) look(p exited) {
	l.t.Helper()
	l.lookOn(p)
	l.compare(p)
}

// lookOn reads what a process left behind, which may have told of other runs, too.
func (l *life) lookOn(p exited) {
	l.t.Helper()
	l.now = l.events()
	if !p.killed && !slices.Contains([]int{exitOK, exitFailed, exitNoHub}, p.code) {
		l.errorf("exit code %d: %s", p.code, p.err)
	}
	if p.killed {
		l.deaths++
		l.past = append(l.past, l.now)
	}
}

// events are those of the run, nil if there is none. They are read from a copy, so that the next process finds the
// journal as the one before has left it.
func (l *life) events() (mine []engine.Event) {
	for _, events := range readCopy(l.t, l.journal) {
		if !l.isMine(*events[0].Start) {
			continue
		}
		if mine != nil {
			l.errorf("it was run twice")
		}
		mine = events
	}
	return mine
}

// isMine says whether a run is this one: no other has its devices.
func (l *life) isMine(s engine.RunStart) bool {
	inputs := jsonLine(s.Inputs)
	return s.File == l.scene.file && (l.scene.devices == 0 || strings.Contains(inputs, l.site) || strings.Contains(inputs, `"`+l.devices[0]+`"`))
}

// readCopy reads all events in a copy of a journal, by run.
func readCopy(t *testing.T, file string) map[string][]engine.Event {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(file), "copy-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if !copyJournal(t, file, filepath.Join(dir, "journal.db")) {
		return nil
	}
	return readAll(t, filepath.Join(dir, "journal.db"))
}

// copyJournal copies a journal with its log, from which all else follows. False: there is none.
func copyJournal(t *testing.T, from, to string) (found bool) {
	t.Helper()
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(from + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			found = true
			err = os.WriteFile(to+suffix, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func readAll(t *testing.T, file string) map[string][]engine.Event {
	t.Helper()
	j, err := journal.OpenSQLite(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	lines, err := j.Runs(t.Context(), journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]engine.Event{}
	for _, line := range lines {
		if all[line.ID], err = j.Events(t.Context(), line.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
