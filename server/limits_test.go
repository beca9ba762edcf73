package server

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twinbook/twinbook/engine"
)

// Whatever is sent, an answer that says what is wrong with it is short: the first of many errors, and how many more.
func TestProblemsAreBounded(t *testing.T) {
	r := open(t, option{})
	members := make([]string, 50_000)
	for i := range members {
		members[i] = fmt.Sprintf(`"a%d":1`, i)
	}
	many, long := strings.Join(members, ","), strings.Repeat("x", 900_000)
	line := "version: 1\nworkflow: w\nsteps: [" + strings.Repeat("{logg: a},", 50_000) + "] #" + long[:400_000] + "\n"
	for _, c := range []struct {
		name, path, kind, body string
		problem                string
		listed, more           int
	}{
		{"many steps", "/validate", "application/yaml", line, "invalid-workflow", 100, 900},
		{"a long line", "/validate", "application/yaml", strings.Repeat("[", 500_000), "invalid-workflow", 1, 0},
		{"a long key", "/validate", "application/yaml", "version: 1\n" + long + ": 1\n" + long + ": 2\n", "invalid-workflow", 0, 0},
		{"a long file", "/validate", "application/json", `{"source":"a","file":"` + long + `"}`, "invalid-request", 1, 0},
		{"a long called file", "/validate", "application/json", `{"source":"a","files":{"` + long + `":""}}`, "invalid-request", 1, 0},
		{"many inputs", "/runs", "application/json", `{"workflow":"hello","inputs":{` + many + `}}`, "invalid-inputs", 100, 49_900},
		{"many members", "/runs", "application/json", `{` + many + `}`, "invalid-request", 100, 49_900},
		{"a long workflow", "/runs", "application/json", `{"workflow":"` + long + `"}`, "unknown-workflow", 0, 0},
		{"a long hub", "/runs", "application/json", `{"workflow":"hello","hub":"` + long + `"}`, "unknown-hub", 0, 0},
	} {
		a := r.ask("POST", "/api/v1"+c.path, c.body, "Content-Type", c.kind)
		p := a.problem(422, c.problem)
		if len(a.body) > 200_000 {
			t.Errorf("%s: an answer of %d bytes", c.name, len(a.body))
		}
		if n := len(p.Errors) + len(p.Problems); c.listed > 0 && n != c.listed || p.More != c.more {
			t.Errorf("%s: %d listed and %d more, want %d and %d", c.name, n, p.More, c.listed, c.more)
		}
	}
}

// crowdedWorld counts those who have a file compiled at the same time.
type crowdedWorld struct {
	World
	now, most atomic.Int32
	entered   chan struct{}
	leave     chan struct{}
}

func (w *crowdedWorld) Compile(string, []byte, func(string) ([]byte, error)) (*engine.Program, error) {
	n := w.now.Add(1)
	defer w.now.Add(-1)
	for {
		most := w.most.Load()
		if n <= most || w.most.CompareAndSwap(most, n) {
			break
		}
	}
	w.entered <- struct{}{}
	<-w.leave
	return nil, engine.Problems{{Msg: "wrong"}}
}

// Few files are compiled at a time, and meanwhile all else is answered.
func TestFewValidationsAtATime(t *testing.T) {
	w := &crowdedWorld{entered: make(chan struct{}), leave: make(chan struct{})}
	r := open(t, option{config: func(c *Config) {
		w.World = c.Starter.World
		c.Starter.World = w
	}})
	const all = 5 * mostChecks
	var asking sync.WaitGroup
	for range all {
		asking.Go(func() {
			r.ask("POST", "/api/v1/validate", "a", "Content-Type", "application/yaml").problem(422, "invalid-workflow")
		})
	}
	for range mostChecks {
		<-w.entered
	}
	r.ask("GET", "/api/v1/runs/nobody", nil).problem(404, "")
	for range all - mostChecks {
		w.leave <- struct{}{}
		<-w.entered
	}
	for range mostChecks {
		w.leave <- struct{}{}
	}
	asking.Wait()
	if most := w.most.Load(); most != mostChecks {
		t.Errorf("%d at a time, want %d", most, mostChecks)
	}
}
