package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
)

func (m *Memory) Run(ctx context.Context, id string) (Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err != nil {
		return Run{}, err
	}
	return m.lineOf(run), nil
}

func (m *Memory) Runs(ctx context.Context, f Filter) ([]Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines, passed := []Run{}, f.After == ""
	if !passed {
		if _, err := m.find(f.After); err != nil {
			return nil, err
		}
	}
	for _, run := range slices.Backward(m.order) {
		if passed && f.lets(run) {
			lines = append(lines, m.lineOf(run))
		}
		passed = passed || run.line.ID == f.After
		if f.Limit > 0 && len(lines) == f.Limit {
			break
		}
	}
	return lines, nil
}

// lineOf is a run's line by now.
func (m *Memory) lineOf(run *memoryRun) Run {
	line := run.line
	line.Retry = m.retries[line.ID]
	for _, r := range m.wishes {
		if r.Run == line.ID && r.Kind != engine.RunAdmitted && r.Kind != engine.SignalReceived && line.Wish != engine.CancelRequested {
			line.Wish = r.Kind
		}
	}
	return line
}

// lets says whether a run passes, but for its place in the list.
func (f Filter) lets(run *memoryRun) bool {
	line := run.line
	how := !f.Unfinished && len(f.Statuses) == 0 || f.Unfinished && line.Status == "" || slices.Contains(f.Statuses, line.Status)
	return how && line.Parent == f.Parent && (f.RetryOf == "" || f.RetryOf == line.RetryOf) && (f.Workflow == "" || f.Workflow == line.Workflow) &&
		(!f.Queued || line.Standing.Queued) && (!f.Approval || line.Standing.Approval) && (f.Device == "" || run.devices[f.Device]) && !line.Started.Before(f.Since)
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
	for more := true; more; { // until there are no children of children
		before := len(gone)
		for _, run := range m.order {
			if gone[run.line.Parent] {
				gone[run.line.ID] = true
			}
		}
		more = len(gone) > before
	}
	for id := range gone {
		if m.runs[id].line.Ended.IsZero() {
			return fmt.Errorf("run %s: %w", id, ErrUnfinished)
		}
	}
	m.order = slices.DeleteFunc(m.order, func(run *memoryRun) bool { return gone[run.line.ID] })
	for id := range gone {
		if of := m.runs[id].line.RetryOf; m.retries[of] == id {
			delete(m.retries, of)
		}
		delete(m.runs, id)
	}
	return nil
}
