package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// execScript leaves four processes behind: itself, a child, one that has a session of its own, and a child of that. Each has its number in the file pids.
const execScript = `echo $$ >>pids; sleep 1000 & echo $! >>pids; setsid sh -c 'echo $$ >>pids; sleep 1000 & echo $! >>pids; wait' & wait`

const execFolder = `version: 1
hubs: { desk: { type: simulator, file: desk.yaml } }
defaultHub: desk
journal: { file: runs.db }
allow: { exec: [ { name: shell, path: /bin/sh } ] }
`

// An execScene is a run that is in its exec step.
type execScene struct {
	t    *testing.T
	dir  string
	run  *exec.Cmd
	said bytes.Buffer // err, complete when run has ended
	pids []int        // of the command and its children
}

func newExecScene(t *testing.T) *execScene {
	s := &execScene{t: t, dir: t.TempDir()}
	workflow := fmt.Sprintf("version: 1\nworkflow: work\ntimeout: 1h\nsteps:\n  - exec: { command: shell, args: [-c, %q], workdir: %s }\n", execScript, s.dir)
	for name, text := range map[string]string{defaultConfig: execFolder, "work.yaml": workflow, "desk.yaml": "version: 1\nsimulator: desk\nprofiles: { p: {} }\ndevices: [ { id: dev-1, profile: p } ]\n"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.run = s.command("run", "work.yaml")
	s.run.Stderr = &s.said
	if err := s.run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.run.Process.Kill() })
	awaitFact(t, "the command has started its children", func() bool {
		text, _ := os.ReadFile(filepath.Join(s.dir, "pids"))
		s.pids = nil
		for _, field := range strings.Fields(string(text)) {
			pid, _ := strconv.Atoi(field)
			s.pids = append(s.pids, pid)
		}
		return len(s.pids) == 4 && bytes.HasSuffix(text, []byte("\n"))
	})
	return s
}

func (s *execScene) command(args ...string) *exec.Cmd {
	s.t.Helper()
	path, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	c := exec.Command(path, args...)
	c.Args[0], c.Dir, c.Env = "twinbook", s.dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}
	return c
}

// alive are those of the command's processes that have not ended.
func (s *execScene) alive() (alive []int) {
	for _, pid := range s.pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !bytes.Contains(stat, []byte(") Z ")) {
			alive = append(alive, pid)
		}
	}
	return alive
}

func awaitFact(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// TestKilledWithItsCommands: twinbook dies as by a power cut in the midst of an exec step. Nothing of the command is left, and
// whoever goes on with the run does not run it again.
func TestKilledWithItsCommands(t *testing.T) {
	t.Parallel()
	s := newExecScene(t)
	died := time.Now()
	if err := s.run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.run.Wait()
	awaitFact(t, "the command has ended with twinbook", func() bool { return len(s.alive()) == 0 })
	t.Logf("%d processes were gone %s after kill -9", len(s.pids), time.Since(died).Round(time.Millisecond))
	said, err := s.command("runs", "resume", "--all").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "interrupted") {
		t.Errorf("going on with it: %v\n%s", err, said)
	}
	if text, _ := os.ReadFile(filepath.Join(s.dir, "pids")); strings.Count(string(text), "\n") != 4 {
		t.Errorf("the command was run again:\n%s", said)
	}
}

// TestCancelledWithItsCommands: the run says that the command may have done something.
func TestCancelledWithItsCommands(t *testing.T) {
	t.Parallel()
	s := newExecScene(t)
	if err := s.run.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := s.run.Wait()
	if left := s.alive(); len(left) > 0 {
		t.Errorf("when twinbook has ended, %v of %v still run", left, s.pids)
	}
	if s.run.ProcessState.ExitCode() != 130 || !strings.Contains(s.said.String(), "cancelled") {
		t.Errorf("ended with %v:\n%s", err, &s.said)
	}
}
