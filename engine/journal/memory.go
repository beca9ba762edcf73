package journal

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/twinbook/twinbook/engine"
)

// Memory is a Journal that lasts as long as the process: for tests, rehearsals and runs that nobody
// wants to resume. Its process drives all its runs.
type Memory struct {
	mu      sync.Mutex // guards what follows
	runs    map[string]*memoryRun
	order   []*memoryRun // as they were begun
	texts   map[string]string
	ears    map[*func(Request)]bool
	wishes  []Request // unanswered
	lastAsk int64
}

type memoryRun struct {
	line    Run
	chunks  [][]engine.Event // each of chunkLength but the last, so that no event is ever moved
	sources []memorySource
	devices map[string]bool
	sights  map[engine.Address]Sight
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

// add numbers events and keeps them.
func (run *memoryRun) add(events []engine.Event) {
	for i := range events {
		e := &events[i]
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
		if e.Device != "" {
			run.devices[e.Device] = true
		}
	}
	run.line.Device = ""
	for device := range run.devices {
		if len(run.devices) == 1 {
			run.line.Device = device
		}
	}
}

type memorySource struct{ file, text string }

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	return &Memory{runs: map[string]*memoryRun{}, texts: map[string]string{}, ears: map[*func(Request)]bool{}}
}

func (m *Memory) Begin(ctx context.Context, b Beginning) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	line, err := NewRun(b)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.runs[line.ID] != nil {
		return fmt.Errorf("run %s: %w", line.ID, ErrExists)
	}
	line.Driver, line.Standing = memoryDriver, b.Standing
	run := &memoryRun{
		line: line, sources: make([]memorySource, len(b.Sources)), devices: map[string]bool{}, sights: map[engine.Address]Sight{},
	}
	run.add(b.Events)
	for i, s := range b.Sources {
		run.sources[i] = memorySource{file: s.File, text: m.keep(s.Text)}
	}
	m.runs[line.ID] = run
	m.order = append(m.order, run)
	m.settle(run)
	return nil
}

const memoryDriver = "this process"

// settle tidies up after a run that has ended.
func (m *Memory) settle(run *memoryRun) {
	if run.line.Ended.IsZero() {
		return
	}
	run.line.Driver, run.line.Standing = "", Standing{}
	clear(run.sights)
	m.wishes = slices.DeleteFunc(m.wishes, func(r Request) bool { return r.Run == run.line.ID })
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

func (m *Memory) Append(ctx context.Context, id string, events []engine.Event, s Standing) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return m.AppendLater(id, events, s)
}

func (m *Memory) AppendLater(id string, events []engine.Event, s Standing) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err != nil {
		return err
	}
	line := run.line
	if err := line.accept(events); err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	line.Standing = s
	run.line = line
	run.add(events)
	m.wishes = slices.DeleteFunc(m.wishes, func(r Request) bool {
		return slices.ContainsFunc(events, func(e engine.Event) bool { return e.Request == r.ID })
	})
	m.settle(run)
	return nil
}

func (m *Memory) See(id string, s Sight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if run := m.runs[id]; run != nil && run.line.Ended.IsZero() {
		if before, ok := run.sights[s.At]; ok && before.Text == s.Text {
			return
		}
		run.sights[s.At] = s
	}
}

func (m *Memory) Ask(ctx context.Context, r Request) error {
	m.mu.Lock()
	run, err := m.find(r.Run)
	if err == nil && !run.line.Ended.IsZero() {
		err = fmt.Errorf("run %s: %w", r.Run, ErrEnded)
	}
	if err != nil {
		m.mu.Unlock()
		return err
	}
	m.lastAsk++
	r.ID = m.lastAsk
	m.wishes = append(m.wishes, r)
	ears := slices.Collect(maps.Keys(m.ears))
	m.mu.Unlock()
	for _, f := range ears {
		(*f)(r)
	}
	return nil
}

func (m *Memory) Listen(f func(Request)) (stop func()) {
	m.mu.Lock()
	m.ears[&f] = true
	waiting := slices.Clone(m.wishes)
	m.mu.Unlock()
	for _, r := range waiting {
		f(r)
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.ears, &f)
	}
}

func (m *Memory) Claim(ctx context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err == nil && !run.line.Ended.IsZero() {
		err = fmt.Errorf("run %s: %w", id, ErrEnded)
	}
	return err
}

func (m *Memory) Adopt(ctx context.Context) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		runs, err := m.Runs(ctx, Filter{Unfinished: true})
		if err != nil {
			yield(Run{}, err)
			return
		}
		for _, parked := range []bool{false, true} {
			for _, run := range slices.Backward(runs) {
				if run.Standing.Parked == parked && !yield(run, nil) {
					return
				}
			}
		}
	}
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

func (m *Memory) Sights(ctx context.Context, id string) ([]Sight, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err != nil {
		return nil, err
	}
	sights := make([]Sight, 0, len(run.sights))
	for _, at := range slices.Sorted(maps.Keys(run.sights)) {
		sights = append(sights, run.sights[at])
	}
	return sights, nil
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

func (m *Memory) Runs(ctx context.Context, f Filter) ([]Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines, passed := make([]Run, 0, len(m.order)), f.After == ""
	for _, run := range slices.Backward(m.order) {
		if passed && f.lets(run) {
			lines = append(lines, run.line)
		}
		passed = passed || run.line.ID == f.After
		if f.Limit > 0 && len(lines) == f.Limit {
			break
		}
	}
	return lines, nil
}

// lets says whether a run passes, but for its place in the list.
func (f Filter) lets(run *memoryRun) bool {
	line := run.line
	how := !f.Unfinished && len(f.Statuses) == 0 || f.Unfinished && line.Status == "" || slices.Contains(f.Statuses, line.Status)
	return how && line.Parent == f.Parent && (f.RetryOf == "" || f.RetryOf == line.RetryOf) && (f.Workflow == "" || f.Workflow == line.Workflow) &&
		(f.Device == "" || run.devices[f.Device]) && !line.Started.Before(f.Since)
}

func (m *Memory) Find(ctx context.Context, short string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := []string{}
	for _, run := range slices.Backward(m.order) {
		if id := run.line.ID; len(ids) < 10 && (strings.HasPrefix(id, short) || strings.HasSuffix(id, short)) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (m *Memory) Children(ctx context.Context, id string) (map[engine.Status]int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(id); err != nil {
		return nil, err
	}
	counts := map[engine.Status]int{}
	for _, run := range m.order {
		if run.line.Parent == id {
			counts[run.line.Status]++
		}
	}
	return counts, nil
}

func (m *Memory) Remove(ctx context.Context, ids ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := map[string]bool{}
	for _, id := range ids {
		if _, err := m.find(id); err != nil {
			return err
		}
		gone[id] = true
	}
	for _, run := range m.order { // children come after their parents
		line := run.line
		if gone[line.Parent] {
			gone[line.ID] = true
		}
		if gone[line.ID] && line.Ended.IsZero() {
			return fmt.Errorf("run %s: %w", line.ID, ErrUnfinished)
		}
	}
	m.order = slices.DeleteFunc(m.order, func(run *memoryRun) bool { return gone[run.line.ID] })
	for id := range gone {
		delete(m.runs, id)
	}
	return nil
}

func (m *Memory) find(id string) (*memoryRun, error) {
	run := m.runs[id]
	if run == nil {
		return nil, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	return run, nil
}
