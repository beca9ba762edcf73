package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const hostileHead = "version: 1\nworkflow: w\n"

// hostileFiles are sources that were made to cost; each must end in problems, soon.
func hostileFiles() map[string]string {
	deep := func(n int, before, inside, after string) string {
		return hostileHead + "steps:\n  - log: { message: x, fields: { a: " + strings.Repeat(before, n) + inside + strings.Repeat(after, n) + " } }\n"
	}
	var keys, steps, templates, aliases, broken, conditions strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&keys, "key%d: %d\n", i, i)
	}
	for range 20_000 {
		steps.WriteString("  - slepp: 1s\n")
	}
	for range 50_000 {
		templates.WriteString("    ${{ inputs.x }}\n")
	}
	for i := range 20_000 {
		fmt.Fprintf(&aliases, "x-%d: *a\n", i)
	}
	for i := range 10_000 {
		fmt.Fprintf(&broken, "  - log: line %d\n", i)
	}
	for range 20_000 {
		conditions.WriteString("      - inputs.a == inputs.b and \"\n")
	}
	var zones, times, ids, signals strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&zones, "  - { cron: \"@daily\", timezone: Europe/Berlim%d }\n", i)
		fmt.Fprintf(&times, "  - cron: every%d\n", i)
		ids.WriteString("  - webhook: { id: same, secret: \"not a name\" }\n")
		signals.WriteString("  - waitForSignal: \"\"\n")
	}
	return map[string]string{
		"many zones":           hostileHead + "schedules:\n" + zones.String() + "steps: [ { log: x } ]\n",
		"many times":           hostileHead + "schedules:\n" + times.String() + "steps: [ { log: x } ]\n",
		"many hooks":           hostileHead + "triggers:\n" + ids.String() + "steps: [ { log: x } ]\n",
		"many waits":           hostileHead + "steps:\n" + signals.String(),
		"long time":            hostileHead + "schedules: [ { cron: \"" + strings.Repeat("1,", 100_000) + "1 * * * *\", timezone: " + strings.Repeat("Europe/", 50_000) + " } ]\nsteps: [ { log: x } ]\n",
		"long bare time":       hostileHead + "schedules:\n  - cron: " + strings.Repeat("*/5 ", 100_000) + "\nsteps: [ { log: x } ]\n",
		"too large":            strings.Repeat("a: 1\n", 500_000),
		"many keys":            hostileHead + keys.String() + "steps: []\n",
		"many keys in data":    hostileHead + "steps:\n  - log: { message: x, fields: {\n" + strings.ReplaceAll(keys.String(), "\n", ",\n") + "} }\n  - slepp: 1\n",
		"many wrong steps":     hostileHead + "steps:\n" + steps.String(),
		"one line of steps":    hostileHead + "steps: [" + strings.Repeat("{slepp: a},", 90_000) + "]\n",
		"many templates":       hostileHead + "steps:\n  - log: |\n" + templates.String(),
		"many aliases":         hostileHead + "x-a: &a [1,2,3,4,5,6,7,8,9,10]\n" + aliases.String() + "steps: []\n",
		"broken in the middle": hostileHead + "steps:\n" + broken.String() + "  - log: [a\n" + broken.String(),
		"broken at the start":  hostileHead + "steps:\n  - log: \"a\n" + broken.String(),
		"broken at the end":    hostileHead + "steps:\n" + broken.String() + "  - log: [a\n",
		"many conditions":      hostileHead + "steps:\n  - assert:\n" + conditions.String(),
		"deep lists":           deep(10_000, "[", "1", "]"),
		"deep maps":            deep(10_000, "{a: ", "1", "}"),
		"deep unclosed":        deep(50_000, "[", "1", ""),
		"deep dashes":          hostileHead + "steps:\n" + strings.Repeat("- ", 100_000) + "x\n",
		"long line":            hostileHead + "steps:\n  - log: \"" + strings.Repeat("é ${{ ", 100_000) + "\"\n",
		"long key":             hostileHead + strings.Repeat("k", 100_000) + ": 1\nsteps: []\n",
		"many documents":       strings.Repeat("---\na: 1\n", 50_000),
		"comments":             strings.Repeat("# c\n", 200_000) + "a: [\n",
		"pattern":              hostileHead + "inputs: { a: { type: string, default: \"" + strings.Repeat("a", 50_000) + "b\", pattern: \"(a*)*c\" } }\nsteps: []\n",
	}
}

func TestHostileFilesEndSoon(t *testing.T) {
	for name, source := range hostileFiles() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			_, problems := Compile("w.yaml", []byte(source), Options{Types: testTypes()})
			text := problems.Text()
			took := time.Since(begin)
			runtime.ReadMemStats(&after)
			t.Logf("%v, %d MiB allocated, %d problems", took, (after.TotalAlloc-before.TotalAlloc)>>20, len(problems))
			if len(problems) == 0 || len(problems) > maxProblems {
				t.Errorf("%d problems, want 1 to %d", len(problems), maxProblems)
			}
			if len(text) > 100_000 {
				t.Errorf("%d bytes are shown, want few", len(text))
			}
			for _, p := range problems {
				if excerpt, _ := p.Excerpt(); len(p.Msg)+len(p.Hint)+len(excerpt) > 10_000 {
					t.Fatalf("one problem has %d bytes", len(p.Msg)+len(p.Hint)+len(excerpt))
				}
			}
			if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 512 {
				t.Errorf("%d MiB were allocated", allocated)
			}
			if took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A workflow of n asserts, each of which sees every step before it.
func manyAsserts(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nworkflow: w\ndevice: d\nsteps:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - id: s%d\n    getTwin: {}\n  - assert: steps.s%d.twin.reported.n == %d\n", i, i, i)
	}
	return []byte(b.String())
}

// Checking is linear in the steps: the scope is not built again for each of them.
func TestCheckingIsLinear(t *testing.T) {
	cost := func(n int) time.Duration {
		source, best := manyAsserts(n), time.Hour
		for range 3 {
			begin := time.Now()
			if _, problems := Compile("w.yaml", source, Options{Types: testTypes()}); len(problems) > 0 {
				t.Fatal(problems.Text())
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	small, large := cost(250), cost(2000)
	t.Logf("250 asserts %v, 2000 asserts %v", small, large)
	if large > 40*small {
		t.Errorf("8 times the steps took %.0f times as long", float64(large)/float64(small))
	}
}

func BenchmarkCompileReboot(b *testing.B) {
	source, err := os.ReadFile("testdata/good/reboot.yaml")
	if err != nil {
		b.Fatal(err)
	}
	types := testTypes()
	for b.Loop() {
		if _, problems := Compile("reboot.yaml", source, Options{Types: types}); len(problems) > 0 {
			b.Fatal(problems.Text())
		}
	}
}

func BenchmarkCompile1000Asserts(b *testing.B) {
	source, types := manyAsserts(1000), testTypes()
	for b.Loop() {
		if _, problems := Compile("w.yaml", source, Options{Types: types}); len(problems) > 0 {
			b.Fatal(problems.Text())
		}
	}
}

func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(source)
	}
	types := testTypes()
	f.Fuzz(func(t *testing.T, source []byte) {
		p, problems := Compile("w.yaml", source, Options{Types: types, Read: func(string) ([]byte, error) { return source, nil }})
		if (p == nil) == (len(problems) == 0) {
			t.Fatalf("program %v with %d problems", p, len(problems))
		}
		for _, problem := range problems {
			if problem.Pos.Line < 1 || problem.Pos.Col < 1 || problem.Msg == "" || problem.Rule == "" {
				t.Errorf("a problem without a place or words: %+v", problem)
			}
		}
		_ = problems.Text()
	})
}
