package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// A valve lets lines through when it is open.
type valve struct {
	reached chan struct{} // somebody writes
	open    chan struct{}

	mu   sync.Mutex // guards text
	text strings.Builder
}

func newValve() *valve { return &valve{reached: make(chan struct{}, 1), open: make(chan struct{})} }

func (v *valve) Write(lines []byte) (int, error) {
	select {
	case v.reached <- struct{}{}:
	default:
	}
	<-v.open
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.text.Write(lines)
}

// TestAStormWaitsForNobody has very many runs while nobody takes the lines: what is wrong is said all the same, and no
// line is lost without being counted.
func TestAStormWaitsForNobody(t *testing.T) {
	v := newValve()
	l := Open(Config{Out: v, Room: 100_000})
	const callers, each = 8, 10_000
	info := &engine.RunStart{Workflow: "reboot"}
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				l.Observe(runner.Update{Run: "r1", Time: start, Info: info, Start: info})
			}
		})
	}
	all.Wait() // it would for ever, if anybody waited for the valve
	l.Logger().Error("the disk is full")
	dropped := l.Dropped()
	if len(l.spool.lines)+l.spool.writing > 100_000 {
		t.Errorf("%d bytes wait", len(l.spool.lines)+l.spool.writing)
	}
	close(v.open)
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	text := v.text.String()
	if n := strings.Count(text, "run began"); int64(n)+dropped != callers*each || n < 500 {
		t.Errorf("%d lines were written and %d left out, of %d", n, dropped, callers*each)
	}
	if !strings.Contains(text, "the disk is full") {
		t.Error("what is wrong was not said")
	}
	if strings.HasSuffix(text, "\n") == false || strings.Contains(text, "\n\n") {
		t.Error("lines are cut")
	}
}

// TestLinesThatWereLeftOutAreSaid opens the valve while the log goes on.
func TestLinesThatWereLeftOutAreSaid(t *testing.T) {
	v := newValve()
	l := Open(Config{Out: v, Room: 1000})
	for range 100 {
		l.Logger().Info("a line")
	}
	<-v.reached
	dropped := l.Dropped()
	if dropped == 0 {
		t.Fatal("nothing was left out")
	}
	close(v.open)
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		v.mu.Lock()
		text := v.text.String()
		v.mu.Unlock()
		if strings.Contains(text, `left out, since they came faster than they can be written" lines=`+strconv.FormatInt(dropped, 10)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody says that %d lines were left out:\n%s", dropped, text)
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	l.Logger().Error("too late")
	if strings.Contains(v.text.String(), "too late") || l.Dropped() != dropped+1 {
		t.Errorf("%d lines were left out, want %d", l.Dropped(), dropped+1)
	}
}

func TestALogThatNobodyTakesEndsInTime(t *testing.T) {
	v := newValve()
	l := Open(Config{Out: v})
	l.Logger().Info("a line")
	<-v.reached
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	close(v.open)
	<-l.spool.ended
}

// A broken pipe takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestLinesThatCannotBeWrittenAreCounted(t *testing.T) {
	l := Open(Config{Out: broken{}})
	l.Logger().Info("a line")
	if err := l.Close(t.Context()); err != nil || l.Dropped() < 1 {
		t.Errorf("%v, %d lines left out", err, l.Dropped())
	}
}

type shout struct{ n int }

func (s shout) LogValue() slog.Value { return slog.StringValue(strings.Repeat("a", s.n)) }

// TestALineIsOneLineOfBoundedLength has texts from devices, and things that are no JSON.
func TestALineIsOneLineOfBoundedLength(t *testing.T) {
	huge := strings.Repeat("ä\n\x1b[31m\xff", 1<<17)
	for _, asJSON := range []bool{false, true} {
		t.Run(fmt.Sprintf("json=%v", asJSON), func(t *testing.T) {
			text := written(t, Config{JSON: asJSON}, func(l *Log) {
				l.Observe(runner.Update{Run: "r1", Time: start, Note: &engine.Note{
					Kind: engine.NoteLog, At: "say", Log: &engine.LogLine{Level: "info", Message: huge, Fields: map[string]any{"all": huge}},
				}})
				l.Observe(runner.Update{Run: "r1", Time: start, Err: errors.New(huge)})
				l.Logger().With("kept", 1).WithGroup("g").Info(huge, "error", errors.New(huge), "none", make(chan int), "shout", shout{1 << 20},
					slog.Group("inner", "text", huge, "map", map[string]any{"a": []any{1.5, "b"}}))
			})
			lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
			if len(lines) != 3 {
				t.Fatalf("%d lines", len(lines))
			}
			for _, line := range lines {
				if len(line) > 16*longest || strings.Contains(line, "\x1b") {
					t.Errorf("a line of %d bytes: %.300q", len(line), line)
				}
				if !strings.Contains(line, "…") {
					t.Errorf("it does not say that it was cut: %.300q", line)
				}
				if asJSON && !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %.300q", line)
				}
			}
			want := `g.inner.map="{\"a\":[1.5,\"b\"]}"`
			if asJSON {
				want = `"map":{"a":[1.5,"b"]}`
			}
			if !strings.Contains(lines[2], want) || !strings.Contains(lines[2], "kept") {
				t.Errorf("no %s in %.3000s", want, lines[2][len(lines[2])-3000:])
			}
		})
	}
}
