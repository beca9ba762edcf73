package clockrule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRuleCatches(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{`func f() { go f() }`, "go statement; use Clock.Go"},
		{`func f() { func() { go f() }() }`, "go statement; use Clock.Go"},
		{`func f() { select {} }`, "select; use Await of a clock.Promise or Take of a clock.Queue with a context"},
		{`func f() { x.C <- 1 }`, "send to a channel; use Resolve of a clock.Promise or Put of a clock.Queue"},
		{`func f() { <-x.Done() }`, "receive from a channel; use Await of a clock.Promise or Take of a clock.Queue"},
		{`func f() { v, ok := <-x.C; _, _ = v, ok }`, "receive from a channel; use Await of a clock.Promise or Take of a clock.Queue"},
		{`func f() { for range x.Done() {} }`, "range over a channel; use Await of a clock.Promise or Take of a clock.Queue"},
		{`func f() { for range (x.C) {} }`, "range over a channel; use Await of a clock.Promise or Take of a clock.Queue"},
		{`func f() { _ = make(chan int) }`, "chan; use clock.Promise or clock.Queue"},
		{`type t struct { c <-chan int }`, "chan; use clock.Promise or clock.Queue"},
		{`var w sync.WaitGroup`, "sync.WaitGroup; use a clock.Promise or clock.Queue that parties tell of their end"},
		{`var w sync.Cond`, "sync.Cond; use clock.Promise or clock.Queue"},
		{`var w = sync.NewCond(nil)`, "sync.NewCond; use clock.Promise or clock.Queue"},
		{`var g errgroup.Group`, "errgroup.Group; use Clock.Go"},
		{`var v = time.Now()`, "time.Now; use Clock.Now"},
		{`var now = time.Now`, "time.Now; use Clock.Now"},
		{`var v = time.Since(x)`, "time.Since; use Clock.Now and Sub"},
		{`var v = time.Until(x)`, "time.Until; use Clock.Now and Sub"},
		{`func f() { time.Sleep(1) }`, "time.Sleep; use clock.Sleep"},
		{`var v = time.After(1)`, "time.After; use clock.Sleep"},
		{`var v = time.AfterFunc(1, nil)`, "time.AfterFunc; use Clock.After"},
		{`var v = time.NewTimer(1)`, "time.NewTimer; use Clock.After"},
		{`var v = time.NewTicker(1)`, "time.NewTicker; use Clock.After"},
		{`var v = time.Tick(1)`, "time.Tick; use Clock.After"},
		{`var v = renamed.Now()`, "time.Now; use Clock.Now"},
		{`func f() { context.WithTimeout(nil, 1) }`, "context.WithTimeout; use Clock.WithTimeout"},
		{`func f() { context.WithTimeoutCause(nil, 1, nil) }`, "context.WithTimeoutCause; use Clock.WithTimeout"},
		{`func f() { context.WithDeadline(nil, x) }`, "context.WithDeadline; use Clock.WithTimeout"},
		{`func f() { context.WithDeadlineCause(nil, x, nil) }`, "context.WithDeadlineCause; use Clock.WithTimeout"},
		{`func f() { context.WithCancel(nil) }`, "context.WithCancel; use Clock.WithCancel"},
		{`func f() { context.WithCancelCause(nil) }`, "context.WithCancelCause; use Clock.WithCancel"},
		{`func f() { context.AfterFunc(nil, f) }`, "context.AfterFunc; use Clock.Go with a wait on the context"},
	} {
		got, err := findings(folder(t, map[string]string{"a.go": header + c.code}), nil)
		if err != nil {
			t.Errorf("%s: %v", c.code, err)
			continue
		}
		if len(got) != 1 || !strings.HasSuffix(got[0], "a.go:11: under the clock: "+c.want) {
			t.Errorf("%s: got %q, want at line 11: %s", c.code, got, c.want)
		}
	}
}

// header has ten lines; what follows it is on line 11.
const header = `package room

import (
	"context"
	"sync"
	"time"
	renamed "time"
	"golang.org/x/sync/errgroup"
)

`

func TestRuleAllows(t *testing.T) {
	const code = `
type room struct {
	mu   sync.Mutex
	once sync.Once
	now  time.Time
}

func (r *room) nothing() () {}

func (r *room) run(ctx context.Context, jobs []int, clock interface{ Now() time.Time }) {
	ctx = context.WithValue(context.WithoutCancel(ctx), r, 1)
	_ = context.Cause(ctx)
	var cancel context.CancelFunc
	defer cancel()
	for range jobs {
		r.now = clock.Now().Add(-time.Second).Truncate(time.Hour)
	}
	for range 3 {
		r.once.Do(func() {})
	}
}
`
	if got, err := findings(folder(t, map[string]string{"a.go": header + code}), nil); err != nil || len(got) != 0 {
		t.Errorf("findings = %q, %v, want none", got, err)
	}
}

func TestRuleKnowsChannelsOfTheFolder(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.go": "package room\n\nfunc (r *room) f() {\n\tfor range r.field {\n\t}\n\tfor range made {\n\t}\n\tfor range r.call() {\n\t}\n\tfor range r.list {\n\t}\n}\n",
		"b.go": "package room\n\ntype room struct { field chan int; list []int }\n\nvar made = make(chan int)\n\nfunc (r *room) call() <-chan int { return made }\n",
	})
	got, err := findings(dir, []string{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 6 {
		t.Fatalf("findings = %q, want 3 ranges and 3 chan", got)
	}
	for i, line := range []string{"a.go:4:", "a.go:6:", "a.go:8:", "b.go:3:", "b.go:5:", "b.go:7:"} {
		if !strings.Contains(got[i], line) {
			t.Errorf("finding %d = %q, want it at %s", i, got[i], line)
		}
	}
}

func TestRuleDotImport(t *testing.T) {
	dir := folder(t, map[string]string{"a.go": "package room\n\nimport . \"time\"\n\nvar v = Now()\n"})
	got, err := findings(dir, nil)
	if err != nil || len(got) != 1 || !strings.Contains(got[0], "a.go:3: under the clock: dot import of time") {
		t.Errorf("findings = %q, %v, want the dot import", got, err)
	}
}

func TestRuleExceptions(t *testing.T) {
	files := map[string]string{
		"clean.go":     "package room\n",
		"socket.go":    "package room\n\nfunc f() { go f() }\n",
		"room_test.go": "package room\n\nfunc g() { go g() }\n",
	}
	t.Run("AreHeeded", func(t *testing.T) { Check(t, folder(t, files), "socket.go") })
	t.Run("MustExist", func(t *testing.T) {
		if _, err := findings(folder(t, files), []string{"socket.go", "sockets.go"}); err == nil {
			t.Error("an exception for a file that is not there was accepted")
		}
	})
	t.Run("NothingToCheck", func(t *testing.T) {
		if _, err := findings(folder(t, nil), nil); err == nil {
			t.Error("a folder without Go files was accepted")
		}
	})
	t.Run("NotGo", func(t *testing.T) {
		if _, err := findings(folder(t, map[string]string{"a.go": "package"}), nil); err == nil {
			t.Error("a file that does not parse was accepted")
		}
	})
}

// folder writes files to a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
