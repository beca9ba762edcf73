package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var goPart = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestDocsDevice runs the device that docs/simulator.md shows, in the place of a simulated one, and the tutorial with it.
func TestDocsDevice(t *testing.T) {
	program := goPart.FindStringSubmatch(readPage(t, "docs/simulator.md"))
	if program == nil {
		t.Fatal("docs/simulator.md shows no program")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	start := startSimulator(ctx, t, "--own", "myDevice")
	startDevice(ctx, t, program[1], start.Devices["myDevice"])

	var said bytes.Buffer
	known := map[string]string{connectionVariable: start.Policies["service"], "XDG_STATE_HOME": t.TempDir()}
	env := func(name string) (string, bool) {
		value, ok := known[name]
		return value, ok
	}
	t.Chdir(t.TempDir()) // where there is no configuration
	if code := run(ctx, []string{"run", "-o", "json", start.workflow}, strings.NewReader(""), io.Discard, &said, env); code != exitOK {
		t.Errorf("the tutorial ended with %d:\n%s", code, said.String())
	}
}

// A started simulator is its first line, and the tutorial's file.
type started struct {
	startJSON
	workflow string
}

// startSimulator runs `simulate` until the test ends.
func startSimulator(ctx context.Context, t *testing.T, flags ...string) started {
	t.Helper()
	workflow, err := filepath.Abs(filepath.Join(root, "workflows/reboot.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	out, in := io.Pipe()
	ended := make(chan struct{})
	args := append([]string{"simulate", filepath.Join(filepath.Dir(workflow), "simulator.yaml"), "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "-o", "json"}, flags...)
	go func() {
		defer close(ended)
		run(ctx, args, strings.NewReader(""), in, t.Output(), func(string) (string, bool) { return "", false })
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	lines := json.NewDecoder(out)
	s := started{workflow: workflow}
	if err := lines.Decode(&s.startJSON); err != nil {
		t.Fatalf("the simulator said nothing: %v", err)
	}
	go io.Copy(io.Discard, out)
	return s
}

// startDevice builds a program, and runs it until the test ends; it returns when it has said that it is connected.
func startDevice(ctx context.Context, t *testing.T, program, entry string) {
	t.Helper()
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "device.exe")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("the program cannot be built: %v\n%s", err, out)
	}
	device := exec.CommandContext(ctx, binary, entry)
	device.Stderr = t.Output()
	out, err := device.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := device.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		device.Process.Kill()
		device.Wait()
	})
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), "is connected") {
		t.Fatalf("the device said %q (%v)", line[:n], err)
	}
}
