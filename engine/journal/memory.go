package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// Memory is a Journal that lasts as long as the process: for tests, rehearsals and runs that nobody
// wants to resume. Its process drives all its runs.
type Memory struct {
	mu      sync.Mutex // guards what follows
	runs    map[string]*memoryRun
	order   []*memoryRun      // by the time when they started; those of one time as they were begun
	retries map[string]string // by the run that they try again
	texts   map[string]string
	ears    map[*func(Request)]bool
	wishes  []Request // unanswered
	news    []Request // of them, those that nobody has been told of
	lastAsk int64

	slots     map[string]*memorySlot
	marks     memoryMarks
	schedules memorySchedules
	audit     []AuditEntry
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	return &Memory{
		runs: map[string]*memoryRun{}, retries: map[string]string{}, texts: map[string]string{}, ears: map[*func(Request)]bool{},
		slots: map[string]*memorySlot{}, marks: memoryMarks{scopes: map[string]map[string]Mark{}},
		schedules: memorySchedules{states: map[string]*ScheduleState{}, ears: map[*func()]bool{}},
	}
}

func (m *Memory) Begin(ctx context.Context, b Beginning) (queued bool, err error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	line, err := NewRun(b)
	if err != nil {
		return false, err
	}
	marks, err := b.marks(line)
	if err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.unlock()
	queued, err = m.outlookOf(line, marks, b.places())
	if err != nil {
		return false, err
	}
	events := b.Events
	if queued {
		b = b.queued()
		if line, err = NewRun(b); err != nil {
			return false, err
		}
		events = events[:copy(events, b.Events)]
	}
	run := m.begin(line, b, events)
	for _, mark := range marks {
		m.marks.mark(mark)
	}
	if s := b.Fire; s != nil && m.schedules.states[s.Schedule] != nil {
		m.schedules.states[s.Schedule].deal(s.Nominal)
	}
	m.take(run, b.places(), line.Started)
	m.settle(run)
	return queued, nil
}

// outlookOf says whether a run will have to wait, or why it must not be begun.
func (m *Memory) outlookOf(line Run, marks []Mark, slots []engine.Slot) (queued bool, err error) {
	if m.runs[line.ID] != nil {
		return false, fmt.Errorf("run %s: %w", line.ID, ErrExists)
	}
	if retry := m.retries[line.RetryOf]; retry != "" {
		return false, &RetriedError{Run: line.RetryOf, Retry: retry}
	}
	if line.Parent != "" && m.runs[line.Parent] == nil {
		return false, fmt.Errorf("run %s: %w", line.ID, noParent(line.Parent))
	}
	for _, mark := range marks {
		if err := m.marks.unmarked(mark); err != nil {
			return false, err
		}
	}
	return m.outlook(slots)
}

// begin keeps a run.
func (m *Memory) begin(line Run, b Beginning, events []engine.Event) *memoryRun {
	line.Driver, line.Standing = memoryDriver, b.Standing
	run := &memoryRun{
		line: line, sources: make([]memorySource, len(b.Sources)), devices: map[string]bool{}, sights: map[engine.Address]Sight{},
	}
	run.add(events)
	for i, s := range b.Sources {
		run.sources[i] = memorySource{file: s.File, text: m.keep(s.Text)}
	}
	m.runs[line.ID] = run
	if line.RetryOf != "" {
		m.retries[line.RetryOf] = line.ID
	}
	at, _ := slices.BinarySearchFunc(m.order, line.Started, func(other *memoryRun, t time.Time) int {
		if other.line.Started.After(t) {
			return 1
		}
		return -1
	})
	m.order = slices.Insert(m.order, at, run)
	return run
}

// unlock gives the journal to others, and tells those who listen what has been asked meanwhile.
func (m *Memory) unlock() {
	news := m.news
	m.news = nil
	var ears []*func(Request)
	if len(news) > 0 {
		ears = slices.Collect(maps.Keys(m.ears))
	}
	m.mu.Unlock()
	for _, r := range news {
		for _, f := range ears {
			(*f)(r)
		}
	}
}

// ask keeps a request, of which those who listen will be told.
func (m *Memory) ask(r Request) {
	m.lastAsk++
	r.ID, r.Time = m.lastAsk, utc(r.Time)
	m.wishes, m.news = append(m.wishes, r), append(m.news, r)
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
	m.release(run)
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
	defer m.unlock()
	run, err := m.find(id)
	if err != nil {
		return err
	}
	line := run.line
	if err := line.accept(events); err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	if run.line.Ended.IsZero() {
		line.Standing = s
	}
	run.line = line
	run.add(events)
	m.wishes = slices.DeleteFunc(m.wishes, func(r Request) bool {
		return slices.ContainsFunc(events, func(e engine.Event) bool { return e.Request == r.ID })
	})
	m.settle(run)
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

func (m *Memory) find(id string) (*memoryRun, error) {
	run := m.runs[id]
	if run == nil {
		return nil, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	return run, nil
}
