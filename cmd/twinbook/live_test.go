package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/steps"
)

// A glass is a terminal that understands what the live reporter uses: \r, \n and erase to the end of the line.
// It keeps every state that its last line has been in.
type glass struct {
	t       *testing.T
	columns int
	lines   []string
	frames  []string
	writes  int
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func (g *glass) Write(p []byte) (int, error) {
	g.writes++
	text := colours.ReplaceAllString(string(p), "")
	for text != "" {
		last := &g.lines[len(g.lines)-1]
		switch {
		case strings.HasPrefix(text, "\r\x1b[K"):
			*last, text = "", text[len("\r\x1b[K"):]
		case text[0] == '\n':
			g.lines, text = append(g.lines, ""), text[1:]
		case text[0] < ' ':
			g.t.Errorf("the terminal got the control character %q", text[0])
			text = text[1:]
		default:
			n := strings.IndexAny(text+"\n", "\r\n\x1b")
			*last, text = *last+text[:n], text[n:]
			if w := width(*last); w >= g.columns && strings.HasPrefix(*last, "  ") {
				g.t.Errorf("a line of %d columns on a terminal of %d: %s", w, g.columns, *last)
			}
		}
	}
	g.frames = append(g.frames, g.lines[len(g.lines)-1])
	return len(p), nil
}

// watch runs a workflow in virtual time in front of a glass; do is how long each action takes and what it sees.
func watch(t *testing.T, columns int, source string, do func(ctx context.Context, c clock.Clock, cmd engine.Command, waiting func(string)) (any, error)) (*glass, string) {
	t.Helper()
	p, problems := engine.Compile("w.yaml", []byte(source), engine.Options{Types: steps.All().Types})
	if err := problems.Err(); err != nil {
		t.Fatal(problems.Text())
	}
	g := &glass{t: t, columns: columns, lines: []string{""}}
	var out bytes.Buffer
	loop := clock.NewLoop(time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC))
	live := newLive(screen{w: g, terminal: true, color: true, columns: func() int { return columns }}, &out, loop)
	err := loop.Run(t.Context(), func(ctx context.Context) {
		s := summary{header: header{program: p, hubs: []openHub{{title: "simulator desk"}}, began: loop.Now()}}
		live.begin(s.header)
		runs := runner.New(runner.Config{
			Clock: loop, Journal: journal.NewMemory(), Observe: live.update,
			Do: func(ctx context.Context, _ engine.RunStart, cmd engine.Command, waiting func(string)) (any, error) {
				return do(ctx, loop, cmd, waiting)
			},
		})
		h, err := runs.Start(ctx, p, engine.RunStart{Inputs: map[string]any{}})
		if err != nil {
			t.Error(err)
			return
		}
		if s.outcome, err = h.Wait(ctx); err != nil {
			t.Error(err)
		}
		s.ended = loop.Now()
		live.end(s)
	})
	if err != nil {
		t.Error(err)
	}
	return g, out.String()
}

func TestTheLiveLineSaysWhatWaitsAndWhy(t *testing.T) {
	g, out := watch(t, 100, `
version: 1
workflow: reboot
device: dev-1
steps:
  - name: Read the twin
    getTwin: {}
  - id: after
    name: Wait for a new reboot time
    waitForTwin: { until: twin.reported.rebootTime != nil }
    timeout: 1m
outputs:
  when: 10:31:30
`, func(ctx context.Context, c clock.Clock, cmd engine.Command, waiting func(string)) (any, error) {
		if cmd.Type.Name == "getTwin" {
			return map[string]any{"twin": map[string]any{"connectionState": "Connected"}}, clock.Sleep(ctx, c, 20*time.Millisecond)
		}
		waiting("twin.reported.rebootTime is still 10:31:02")
		return map[string]any{}, clock.Sleep(ctx, c, 13*time.Second)
	})
	want := "  ▸ Wait for a new reboot time  waiting 12 s: twin.reported.rebootTime is still 10:31:02"
	if !contains(g.frames, want) {
		t.Errorf("no frame is\n%s\nthere were\n%s", want, strings.Join(g.frames, "\n"))
	}
	if got := strings.Join(g.lines, "\n"); got != `reboot · simulator desk: nothing real is touched

  ✓ Read the twin                 20 ms  Connected
  ✓ Wait for a new reboot time     13 s

succeeded in 13 s · simulator desk: nothing real is touched
` {
		t.Errorf("the screen at the end:\n%s", got)
	}
	if out != "when: 10:31:30\n" {
		t.Errorf("stdout: %q", out)
	}
	if g.writes > 25 {
		t.Errorf("%d writes for 13 s of waiting; a calm screen changes once a second", g.writes)
	}
}

func TestManyWaitsAreOneLine(t *testing.T) {
	g, _ := watch(t, 60, `
version: 1
workflow: many
steps:
  - id: all
    forEach:
      in: [dev-1, dev-2, dev-3]
      concurrency: 3
      steps:
        - device: ${{ item }}
          name: "設定を変更する ${{ item }} 🚀 and a name that is far too long for it"
          invokeMethod: { method: go }
`, func(ctx context.Context, c clock.Clock, cmd engine.Command, waiting func(string)) (any, error) {
		err := clock.Sleep(ctx, c, time.Duration(cmd.Device[4]-'0')*3*time.Second)
		return map[string]any{"status": 200.0, "payload": "\x1b[2Jboo\nhoo\u202e"}, err
	})
	for _, want := range []string{
		"  ▸ 3 steps         waiting 2 s: dev-1 has not answered yet",
		"  ▸ 2 steps         waiting 3 s: dev-2 has not answered yet",
		"  ▸ [dev-3] ",
	} {
		if !containsPart(g.frames, want) {
			t.Errorf("no frame has %q; there were\n%s", want, strings.Join(g.frames, "\n"))
		}
	}
	final := strings.Join(g.lines, "\n")
	for _, want := range []string{"    ✓ [dev-1] 設定を変更する dev-1 🚀", "  ✓ all ", "3 items"} {
		if !strings.Contains(final, want) {
			t.Errorf("the screen at the end lacks %q:\n%s", want, final)
		}
	}
}

func TestNarrowTerminals(t *testing.T) {
	for columns := 1; columns < 50; columns += 7 {
		watchQuietly(t, columns)
	}
}

// watchQuietly only looks that nothing panics, since no text fits on such a terminal.
func watchQuietly(t *testing.T, columns int) {
	l := &lines{screen: screen{w: &bytes.Buffer{}, terminal: true, columns: func() int { return columns }}}
	step := &engine.Step{Action: "assert"}
	tr := newTracker()
	for _, status := range []engine.Status{engine.Succeeded, engine.Failed, engine.Skipped, engine.Cancelled} {
		n := &engine.Note{Kind: engine.NoteStepEnded, At: "a/b", Step: step, Title: "a title of some length", Status: status,
			Error: &engine.Error{Kind: engine.KindFailed, Message: strings.Repeat("m", 200)}}
		if text := l.block(tr, n); !strings.HasSuffix(text, "\n") {
			t.Errorf("%d columns: %q is no line", columns, text)
		}
	}
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}

func containsPart(list []string, want string) bool {
	return strings.Contains(strings.Join(list, "\n"), want)
}

func TestTextsAreFitted(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"short", 10, "short"},
		{"exactly10!", 10, "exactly10!"},
		{"longer than ten", 10, "longer th…"},
		{"設定を変更", 10, "設定を変更"},
		{"設定を変更する", 10, "設定を変…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"👩‍👩‍👧 family", 8, "👩‍👩‍👧 …"},
		{"x", 0, ""},
		{"", 0, ""},
	} {
		got := fit(c.text, c.columns)
		if got != c.want || width(got) > c.columns {
			t.Errorf("fit(%q, %d) = %q of width %d, want %q", c.text, c.columns, got, width(got), c.want)
		}
	}
}

func TestTextsAreCleaned(t *testing.T) {
	for text, want := range map[string]string{
		"plain":               "plain",
		"two\nlines\tand tab": "two lines and tab",
		"\x1b[31mred":         "\ufffd[31mred",
		"bell\a \x7f \u009b":  "bell\ufffd \ufffd \ufffd",
		"user\u202egpj.exe":   "user\ufffdgpj.exe",
		"naïve 設定 🚀":          "naïve 設定 🚀",
	} {
		if got := clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestDurationsRead(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 614 * time.Millisecond: "614 ms", 2390 * time.Millisecond: "2.3 s", 41 * time.Second: "41 s",
		192 * time.Second: "3m 12s", 7500 * time.Second: "2h 05m",
	} {
		if got := elapsed(d); got != want {
			t.Errorf("elapsed(%v) = %q, want %q", d, got, want)
		}
	}
	if got := fmt.Sprint(seconds(12900 * time.Millisecond)); got != "12 s" {
		t.Errorf("seconds(12.9s) = %q", got)
	}
}
