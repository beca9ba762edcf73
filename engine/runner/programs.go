package runner

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// mostPrograms is how many programs are remembered.
const mostPrograms = 64

// programs are those that runs were begun or rebuilt with lately, by journal.Run.Program.
type programs struct {
	mu    sync.Mutex // guards what follows
	made  map[string]*clock.Promise[made]
	names []string                   // of those in made, the oldest first
	known map[*engine.Program]string // those that runs were begun with
}

// made is a program, or why there is none.
type made struct {
	program *engine.Program
	err     error
}

// remember keeps the program of a run that begins.
func (r *Runner) remember(p *engine.Program, b journal.Beginning) {
	m := &r.programs
	m.mu.Lock()
	_, known := m.known[p]
	m.mu.Unlock()
	if known || !r.config.Park {
		return
	}
	line, err := journal.NewRun(b)
	if err != nil {
		return
	}
	done := clock.NewPromise[made](r.config.Clock)
	done.Resolve(made{program: p})
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made[line.Program] == nil {
		m.add(line.Program, done)
	}
	if m.known == nil || len(m.known) == mostPrograms {
		m.known = map[*engine.Program]string{}
	}
	m.known[p] = line.Program
}

// add takes the oldest out where there are too many. mu is held.
func (m *programs) add(name string, p *clock.Promise[made]) {
	if m.made == nil {
		m.made = map[string]*clock.Promise[made]{}
	}
	if len(m.names) == mostPrograms {
		delete(m.made, m.names[0])
		m.names = m.names[1:]
	}
	m.made[name] = p
	m.names = append(m.names, name)
}

// programOf is the program of a run as the journal keeps it. Where several ask for the same, one makes it.
func (r *Runner) programOf(ctx context.Context, line journal.Run) (*engine.Program, error) {
	for {
		done, mine := r.programs.claim(line.Program, r.config.Clock)
		if mine {
			p, err := r.compile(ctx, line.ID)
			if err != nil {
				r.programs.forget(line.Program)
			}
			done.Resolve(made{p, err})
			return p, err
		}
		got, err := done.Await(ctx)
		if err != nil || got.err == nil {
			return got.program, err
		}
	}
}

// claim gives the promise of a program, and whether the caller has to keep it.
func (m *programs) claim(name string, c clock.Clock) (done *clock.Promise[made], mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if done = m.made[name]; done == nil {
		done, mine = clock.NewPromise[made](c), true
		m.add(name, done)
	}
	return done, mine
}

// forget takes out a program that could not be made.
func (m *programs) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.made, name)
	m.names = slices.DeleteFunc(m.names, func(other string) bool { return other == name })
}

// compile makes a program of what the journal keeps.
func (r *Runner) compile(ctx context.Context, run string) (*engine.Program, error) {
	sources, err := r.config.Journal.Sources(ctx, run)
	if err != nil {
		return nil, unreadable(run, err)
	}
	if r.config.Program == nil {
		return nil, fmt.Errorf("run %s cannot go on: nobody makes programs of the sources that the journal keeps", run)
	}
	p, err := r.config.Program(sources)
	if err != nil {
		return nil, fmt.Errorf("run %s cannot go on with the workflow as it was when the run began: %w", run, err)
	}
	return p, nil
}
