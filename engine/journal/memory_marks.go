package journal

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"
)

// memoryMarks are marks by scope and name.
type memoryMarks struct {
	scopes map[string]map[string]Mark
	sweep  int // at how many set since the last time those are removed whose time is over
	since  int
}

// manyMarks is how many are set before those whose time is over are looked for.
const manyMarks = 1000

func (a *memoryMarks) unmarked(m Mark) error {
	if before, ok := a.scopes[m.Scope][m.Name]; ok {
		return before.taken(m.Time)
	}
	return nil
}

func (a *memoryMarks) mark(m Mark) {
	if a.since++; a.since >= max(a.sweep, manyMarks) {
		a.sweep, a.since = a.forget(m.Time), 0
	}
	if a.scopes[m.Scope] == nil {
		a.scopes[m.Scope] = map[string]Mark{}
	}
	m.Until, m.Time = utc(m.Until), utc(m.Time)
	a.scopes[m.Scope][m.Name] = m
}

// forget removes marks whose time is over, and says how many there are.
func (a *memoryMarks) forget(now time.Time) (n int) {
	for _, marks := range a.scopes {
		maps.DeleteFunc(marks, func(_ string, m Mark) bool { return m.taken(now) == nil })
		n += len(marks)
	}
	return n
}

// utc is a time as the journal gives it back.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}

// Mark sets a mark without a run, so that nothing is begun for it: its Note says why. *TakenError: it is set already.
func (m *Memory) Mark(ctx context.Context, mark Mark) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := mark.complete(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.marks.unmarked(mark); err != nil {
		return err
	}
	m.marks.mark(mark)
	return nil
}

// Unmark forgets marks, those that are there.
func (m *Memory) Unmark(ctx context.Context, scope string, names ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names {
		delete(m.marks.scopes[scope], name)
	}
	if len(m.marks.scopes[scope]) == 0 {
		delete(m.marks.scopes, scope)
	}
	return nil
}

// Marks are those of a scope in the order of their names. Some may be among them whose time is over.
func (m *Memory) Marks(ctx context.Context, scope string) iter.Seq2[Mark, error] {
	return func(yield func(Mark, error) bool) {
		m.mu.Lock()
		marks := maps.Clone(m.marks.scopes[scope])
		m.mu.Unlock()
		for _, name := range slices.Sorted(maps.Keys(marks)) {
			if !yield(marks[name], nil) {
				return
			}
		}
	}
}

// LatestMark is the mark of a scope whose name comes last. Its Name is empty: there is none.
func (m *Memory) LatestMark(ctx context.Context, scope string) (Mark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var last Mark
	for name, mark := range m.marks.scopes[scope] {
		if name > last.Name {
			last = mark
		}
	}
	return last, nil
}
