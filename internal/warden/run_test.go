//go:build unix

package warden

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// victimVariable makes this test binary a program that runs the script it names, until it is killed.
const victimVariable = "TWINBOOK_TEST_VICTIM"

func TestMain(m *testing.M) {
	Ward()
	if script := os.Getenv(victimVariable); script != "" {
		_, err := Run(context.Background(), shell(script))
		fmt.Println("the victim's command has ended:", err)
		os.Exit(0)
	}
	signal.Ignore(syscall.SIGPIPE) // as twinbook does
	os.Exit(m.Run())
}

// limit is how long a test waits for a fact.
const limit = 20 * time.Second

func shell(script string) Command {
	return Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/", Most: 1000}
}

func TestCommandGetsWhatItWasGiven(t *testing.T) {
	dir := t.TempDir()
	result, err := Run(t.Context(), Command{
		Path: "/bin/sh", Dir: dir, Most: 1000, Stdin: []byte("from stdin"), Env: []string{"B=2", "A=one word; $(rm x)"},
		Args: []string{"-c", `cat; printf '|%s' "$0" "$@" "$A" "$B"; pwd >&2; exit 3`, "a b", "", "$A", "`x`", "*", "ü"},
	})
	want := "from stdin|a b||$A|`x`|*|ü|one word; $(rm x)|2"
	if err != nil || result.ExitCode != 3 || string(result.Stdout.Text) != want || strings.TrimSpace(string(result.Stderr.Text)) != dir {
		t.Errorf("exit code %d, stdout %q, stderr %q, %v; want %q", result.ExitCode, result.Stdout.Text, result.Stderr.Text, err, want)
	}
}

// TestNothingElseIsInherited: neither our environment, nor files, nor ignored signals.
func TestNothingElseIsInherited(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system has no /proc")
	}
	t.Setenv("SECRET", "of ours")
	result, err := Run(t.Context(), Command{Path: "/usr/bin/env", Dir: "/", Most: 1000, Env: []string{"A=1"}})
	if err != nil || string(result.Stdout.Text) != "A=1\n" {
		t.Errorf("the environment is %q, %v", result.Stdout.Text, err)
	}
	result, err = Run(t.Context(), shell(`cd /proc/self/fd && echo *; grep -E 'SigIgn|SigBlk' /proc/self/status`))
	if err != nil || !strings.HasPrefix(string(result.Stdout.Text), "0 1 2") || strings.Count(string(result.Stdout.Text), "0000000000000000") != 2 {
		t.Errorf("files and signals are %q, %v", result.Stdout.Text, err)
	}
	if fields := strings.Fields(strings.Split(string(result.Stdout.Text), "\n")[0]); len(fields) > 4 { // the shell has one of its own
		t.Errorf("open files: %q", fields)
	}
}

func TestSignalsAreExitCodes(t *testing.T) {
	for script, want := range map[string]int{"kill -9 $$": 137, "kill -15 $$": 143, "exit 255": 255, "true": 0} {
		if result, err := Run(t.Context(), shell(script)); err != nil || result.ExitCode != want {
			t.Errorf("%s: exit code %d, %v; want %d", script, result.ExitCode, err, want)
		}
	}
}

// TestOutputIsBounded: what is too much is thrown away, and the command does not wait for anybody to read it.
func TestOutputIsBounded(t *testing.T) {
	result, err := Run(t.Context(), shell(`i=0; while [ $i -lt 3000 ]; do echo line $i; echo line $i >&2; i=$((i+1)); done`))
	out, errs := result.Stdout, result.Stderr
	if err != nil || len(out.Text) != 1000 || len(errs.Text) != 1000 || !out.Cut || !errs.Cut {
		t.Fatalf("%d and %d bytes, cut %t and %t, %v", len(out.Text), len(errs.Text), out.Cut, errs.Cut, err)
	}
	if !bytes.HasPrefix(out.Text, []byte("line 0\nline 1\n")) || !bytes.HasSuffix(errs.Text, []byte("line 2998\nline 2999\n")) {
		t.Errorf("stdout begins %q, stderr ends %q", out.Text[:20], errs.Text[980:])
	}
}

func TestHeadAndTail(t *testing.T) {
	for _, writes := range [][]int{{}, {1}, {10}, {11}, {4, 6}, {4, 7}, {100}, {3, 3, 3, 3, 3, 3, 3, 3, 3}, {19, 1, 30, 2}, {25}, {0, 10, 0}} {
		h, tl := head{most: 10}, tail{most: 10}
		var all []byte
		for _, n := range writes {
			for range n {
				all = append(all, byte('a'+len(all)%26))
			}
			h.Write(all[len(all)-n:])
			tl.Write(all[len(all)-n:])
		}
		tl.trim()
		cut := len(all) > 10
		if first, last := all[:min(10, len(all))], all[max(0, len(all)-10):]; !bytes.Equal(h.Text, first) || !bytes.Equal(tl.Text, last) || h.Cut != cut || tl.Cut != cut {
			t.Errorf("%v: head %q %t, tail %q %t; want %q and %q, %t", writes, h.Text, h.Cut, tl.Text, tl.Cut, first, last, cut)
		}
	}
}

func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]Command{
		"no file":       {Path: filepath.Join(dir, "nobody"), Dir: "/"},
		"no program":    {Path: text, Dir: "/"},
		"a folder":      {Path: dir, Dir: "/"},
		"no workdir":    {Path: "/bin/sh", Dir: filepath.Join(dir, "nowhere")},
		"a file for it": {Path: "/bin/sh", Dir: text},
		"NUL":           {Path: "/bin/sh", Dir: "/", Args: []string{"a\x00b"}},
		"NUL in env":    {Path: "/bin/sh", Dir: "/", Env: []string{"A=\x00"}},
		"too long":      {Path: "/bin/sh", Dir: "/", Args: []string{strings.Repeat("x", 8<<20)}},
	} {
		_, err := Run(t.Context(), c)
		var start *StartError
		if !errors.As(err, &start) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// family is a script that leaves every kind of process behind that it can, and writes their numbers to a file: a child, a child that hears no
// signal, one that has left the group, and one that has also lost its parent.
func family(pids, last string) string {
	return `
exec 2>/dev/null
sleep 1000 & echo $! >>` + pids + `
sh -c 'trap "" TERM INT HUP; echo $$ >>` + pids + `; while :; do sleep 1000; done' &
setsid sh -c 'echo $$ >>` + pids + `; sleep 1000 & echo $! >>` + pids + `; wait' &
setsid sh -c '(trap "" TERM; echo $$ >>` + pids + `; sh -c "echo \$\$ >>` + pids + `; exec sleep 1000" &) ; exit' &
echo $$ >>` + pids + `
while [ $(wc -l <` + pids + `) -lt ` + strconv.Itoa(familySize) + ` ]; do :; done
echo ready >>` + pids + `
` + last
}

const familySize = 7

// members are the processes of a family, when all of them are there.
func members(t *testing.T, pids string) (list []int) {
	t.Helper()
	await(t, "the family is there", func() bool {
		text, _ := os.ReadFile(pids)
		return strings.HasSuffix(string(text), "ready\n")
	})
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

func await(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !met(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

// running are those of some processes that have not ended; who is only waited for by nobody has.
func running(pids []int) (left []int) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			continue
		}
		left = append(left, pid)
	}
	return left
}

func needsProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("only on Linux is all found")
	}
}

func TestChildrenEndWithTheCommand(t *testing.T) {
	t.Parallel()
	needsProc(t)
	pids := filepath.Join(t.TempDir(), "pids")
	result, err := Run(t.Context(), shell(family(pids, "exit 7")))
	if err != nil || result.ExitCode != 7 {
		t.Errorf("exit code %d, %v", result.ExitCode, err)
	}
	if left := running(members(t, pids)); len(left) > 0 {
		t.Errorf("processes %v of %v still run", left, members(t, pids))
	}
}

func TestChildrenEndWithACancel(t *testing.T) {
	t.Parallel()
	needsProc(t)
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	go func() {
		defer cancel(cause)
		members(t, pids)
	}()
	started := time.Now()
	_, err := Run(ctx, shell(family(pids, "wait")))
	if !errors.Is(err, cause) {
		t.Errorf("ended with %v", err)
	}
	if left := running(members(t, pids)); len(left) > 0 {
		t.Errorf("processes %v of %v still run", left, members(t, pids))
	}
	t.Logf("all of it was gone %s after the beginning, of which %s are patience with one that hears no signal", time.Since(started), patience)
}

// TestCommandMayTidyUp: it is told to end before it is killed, once, and what it writes then is there.
func TestCommandMayTidyUp(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		await(t, "the command is ready", func() bool { _, err := os.Stat(ready); return err == nil })
	}()
	result, err := Run(ctx, shell(`trap 'echo tidied' TERM; sleep 1000 & : >`+ready+`; wait; trap "exit 9" TERM; sleep 0.2; exit 5`))
	if !errors.Is(err, context.Canceled) || string(result.Stdout.Text) != "tidied\n" || result.ExitCode != 5 {
		t.Errorf("stdout %q, exit code %d, %v", result.Stdout.Text, result.ExitCode, err)
	}
}

// TestNobodyIsToldTwice: some take the second SIGTERM for impatience, as twinbook does.
func TestNobodyIsToldTwice(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		await(t, "the command is ready", func() bool { _, err := os.Stat(ready); return err == nil })
	}()
	child := `n=0; trap 'n=$((n+1)); echo told $n' TERM; : >$0; i=0; while [ $i -lt 8 ]; do sleep 0.05; i=$((i+1)); done`
	result, err := Run(ctx, Command{
		Path: "/bin/sh", Args: []string{"-c", `trap exit TERM; sh -c "$0" "$1" & wait`, child, ready}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: "/", Most: 1000,
	})
	if !errors.Is(err, context.Canceled) || string(result.Stdout.Text) != "told 1\n" {
		t.Errorf("stdout %q, %v", result.Stdout.Text, err)
	}
}

// TestEndBeforeACancel: a command that has ended has, whatever happens afterwards.
func TestEndBeforeACancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := shell("exit 4")
	result, err := Run(ctx, c)
	if err != nil || result.ExitCode != 4 {
		t.Errorf("exit code %d, %v", result.ExitCode, err)
	}
	cancel()
	if _, err := Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("run when it was over: %v", err)
	}
}

// TestChildrenEndWithUs: we die as by a power cut, and nothing of the command is left.
func TestChildrenEndWithUs(t *testing.T) {
	t.Parallel()
	needsProc(t)
	pids := filepath.Join(t.TempDir(), "pids")
	victim, err := os.StartProcess(self(), []string{"victim"}, &os.ProcAttr{
		Env: append(os.Environ(), victimVariable+"="+family(pids, "wait")), Files: []*os.File{nil, os.Stdout, os.Stderr},
	})
	if err != nil {
		t.Fatal(err)
	}
	list := members(t, pids)
	died := time.Now()
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	victim.Wait()
	await(t, "the family has gone", func() bool { return len(running(list)) == 0 })
	t.Logf("all %d processes were gone %s after kill -9, of which %s are patience with one that hears no signal", len(list), time.Since(died), patience)
}

// TestCommandEndsWithItsWarden: what watches may be killed, too.
func TestCommandEndsWithItsWarden(t *testing.T) {
	needsProc(t)
	pids := filepath.Join(t.TempDir(), "pids")
	warden, command := 0, 0
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		await(t, "the command is there", func() bool {
			text, _ := os.ReadFile(pids)
			n, _ := fmt.Sscanf(string(text), "%d %d\n", &warden, &command)
			return n == 2 && bytes.HasSuffix(text, []byte("\n"))
		})
		syscall.Kill(warden, syscall.SIGKILL)
	}()
	_, err := Run(t.Context(), shell("echo $PPID $$ >"+pids+"; sleep 1000; sleep 1000"))
	if err == nil || !strings.Contains(err.Error(), "has died") {
		t.Errorf("ended with %v", err)
	}
	<-killed
	await(t, "the command has gone", func() bool { return len(running([]int{command})) == 0 })
}

// TestManyAtOnce also holds that nothing is left of them with us.
func TestManyAtOnce(t *testing.T) {
	before := openFiles(t)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			result, err := Run(t.Context(), shell(fmt.Sprintf("sleep 1000 & echo %d; exit %d", i, i)))
			if err != nil || result.ExitCode != i || string(result.Stdout.Text) != fmt.Sprintln(i) {
				t.Errorf("command %d: exit code %d, stdout %q, %v", i, result.ExitCode, result.Stdout.Text, err)
			}
		})
	}
	all.Wait()
	if after := openFiles(t); after > before+2 {
		t.Errorf("%d files are open, and were %d", after, before)
	}
}

func openFiles(t *testing.T) int {
	files, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		if _, err := Run(b.Context(), Command{Path: "/bin/true", Dir: "/", Most: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
