package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/twinbook/twinbook/engine"
)

// Memory is a Journal that lasts as long as the process: for tests, rehearsals and runs that nobody
// wants to resume.
type Memory struct {
	mu    sync.Mutex // guards what follows
	runs  map[string]*memoryRun
	order []*memoryRun // as they were begun
	texts map[string]string
}

type memoryRun struct {
	line    Run
	chunks  [][]engine.Event // each of chunkLength but the last, so that no event is ever moved
	sources []memorySource
}

const chunkLength = 256

// last is the number of the latest event.
func (run *memoryRun) last() int64 {
	if len(run.chunks) == 0 {
		return 0
	}
	full := len(run.chunks) - 1
	return int64(full*chunkLength + len(run.chunks[full]))
}

// add numbers an event and keeps it.
func (run *memoryRun) add(e *engine.Event) {
	e.Seq = run.last() + 1
	if (e.Seq-1)%chunkLength == 0 {
		size := chunkLength
		if e.Seq == 1 {
			size = 8 // most runs are short
		}
		run.chunks = append(run.chunks, make([]engine.Event, 0, size))
	}
	last := &run.chunks[len(run.chunks)-1]
	*last = append(*last, *e)
	run.line.Apply(*e)
}

type memorySource struct{ file, text string }

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	return &Memory{runs: map[string]*memoryRun{}, texts: map[string]string{}}
}

func (m *Memory) Begin(ctx context.Context, started engine.Event, sources []Source) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	line, err := NewRun(started)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.runs[line.ID] != nil {
		return fmt.Errorf("run %s: %w", line.ID, ErrExists)
	}
	run := &memoryRun{line: line, sources: make([]memorySource, len(sources))}
	run.add(&started)
	for i, s := range sources {
		run.sources[i] = memorySource{file: s.File, text: m.keep(s.Text)}
	}
	m.runs[line.ID] = run
	m.order = append(m.order, run)
	return nil
}

// keep gives equal texts the same memory.
func (m *Memory) keep(text []byte) string {
	kept, ok := m.texts[string(text)]
	if !ok {
		kept = string(text)
		m.texts[kept] = kept
	}
	return kept
}

func (m *Memory) Append(ctx context.Context, id string, events []engine.Event) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err != nil || len(events) == 0 {
		return err
	}
	if err := run.accepts(events); err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	for i := range events {
		run.add(&events[i])
	}
	return nil
}

// accepts holds events against the rule that nothing follows RunEnded.
func (run *memoryRun) accepts(events []engine.Event) error {
	if !run.line.Ended.IsZero() {
		return ErrEnded
	}
	for _, e := range events[:len(events)-1] {
		if e.Kind == engine.RunEnded {
			return errors.New("nothing follows RunEnded")
		}
	}
	return nil
}

func (m *Memory) Events(ctx context.Context, id string, after int64) ([]engine.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err != nil {
		return nil, err
	}
	from := min(max(after, 0), run.last())
	events := make([]engine.Event, 0, run.last()-from)
	for i, chunk := range run.chunks {
		before := int64(i * chunkLength)
		events = append(events, chunk[min(max(from-before, 0), int64(len(chunk))):]...)
	}
	return events, nil
}

func (m *Memory) Sources(ctx context.Context, id string) ([]Source, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err != nil {
		return nil, err
	}
	sources := make([]Source, len(run.sources))
	for i, s := range run.sources {
		sources[i] = Source{File: s.file, Text: []byte(s.text)}
	}
	return sources, nil
}

func (m *Memory) Run(ctx context.Context, id string) (Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err != nil {
		return Run{}, err
	}
	return run.line, nil
}

func (m *Memory) Runs(ctx context.Context) ([]Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := make([]Run, 0, len(m.order))
	for _, run := range slices.Backward(m.order) {
		lines = append(lines, run.line)
	}
	return lines, nil
}

func (m *Memory) find(id string) (*memoryRun, error) {
	run := m.runs[id]
	if run == nil {
		return nil, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	return run, nil
}
