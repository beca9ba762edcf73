package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// buildBinary makes the binary as users have it: a test binary starts slower.
func buildBinary(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "twinbook")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// process runs the binary in this repository's root and says how long it took.
func process(b *testing.B, binary string, args ...string) (time.Duration, *exec.Cmd) {
	b.Helper()
	c := exec.Command(binary, args...)
	c.Dir = "../.."
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Dir(binary))
	began := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return time.Since(began), c
}

// BenchmarkStart is from the start of the binary to the end of a run of one step that does nothing,
// the embedded simulator and its five devices over MQTT included. Its floor is `twinbook version`.
func BenchmarkStart(b *testing.B) {
	binary := buildBinary(b)
	file := write(b, "version: 1\nworkflow: nothing\nsteps:\n  - log: hello\n")
	var run, floor time.Duration
	for b.Loop() {
		took, _ := process(b, binary, "run", file)
		run += took
		took, _ = process(b, binary, "version")
		floor += took
	}
	report(b, run, floor)
}

func report(b *testing.B, run, floor time.Duration) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(run.Microseconds())/1000/float64(b.N), "ms/run")
	b.ReportMetric(float64(floor.Microseconds())/1000/float64(b.N), "ms/floor")
}

// BenchmarkThousandAsserts is the whole process for a workflow of 1,000 assert steps.
func BenchmarkThousandAsserts(b *testing.B) {
	binary := buildBinary(b)
	file, err := filepath.Abs("testdata/asserts.yaml")
	if err != nil {
		b.Fatal(err)
	}
	var run, floor time.Duration
	memory := 0.0
	for b.Loop() {
		took, c := process(b, binary, "run", file)
		run += took
		memory = max(memory, megabytes(c))
		took, _ = process(b, binary, "version")
		floor += took
	}
	report(b, run, floor)
	b.ReportMetric(memory, "MB")
}

// BenchmarkThousandGets is the whole process for 1,000 http steps, each with an assertion, one after another. The
// floor is the same requests made by a bare loop.
func BenchmarkThousandGets(b *testing.B) {
	binary := buildBinary(b)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true}`)
	}))
	defer server.Close()
	var text strings.Builder
	text.WriteString("version: 1\nworkflow: gets\nsteps:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - { id: g%d, http: { method: GET, url: \"%s/x\" } }\n  - assert: steps.g%d.body.ok\n", i, server.URL, i)
	}
	file := write(b, text.String())
	var run, floor time.Duration
	for b.Loop() {
		took, _ := process(b, binary, "run", file)
		run += took
		began := time.Now()
		for range 1000 {
			resp, err := http.Get(server.URL + "/x")
			if err != nil {
				b.Fatal(err)
			}
			resp.Body.Close()
		}
		floor += time.Since(began)
	}
	report(b, run, floor)
}

// BenchmarkValidate is `validate` over a folder; the goal is 1,000 files a second.
func BenchmarkValidate(b *testing.B) {
	binary := buildBinary(b)
	dir := b.TempDir()
	source, err := os.ReadFile("../../workflows/restart-service.yaml")
	if err != nil {
		b.Fatal(err)
	}
	const files = 500
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), source, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	var run, floor time.Duration
	for b.Loop() {
		took, _ := process(b, binary, "validate", dir)
		run += took
		took, _ = process(b, binary, "version")
		floor += took
	}
	report(b, run, floor)
	b.ReportMetric(files*float64(b.N)/run.Seconds(), "files/s")
}

func write(b *testing.B, text string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "workflow.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}
