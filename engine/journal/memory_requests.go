package journal

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
)

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
	defer m.unlock()
	run, err := m.find(r.Run)
	if err == nil && !run.line.Ended.IsZero() {
		err = fmt.Errorf("run %s: %w", r.Run, ErrEnded)
	}
	if err == nil {
		err = m.unanswered(r)
	}
	if err == nil {
		m.ask(r)
	}
	return err
}

// unanswered refuses an answer to an approve where another one waits to be heard already.
func (m *Memory) unanswered(r Request) error {
	for _, before := range m.wishes {
		if r.answers() && before.answers() && before.Run == r.Run && before.At == r.At {
			return &AnsweredError{Run: r.Run, At: r.At, By: before.By, Signal: *before.Signal}
		}
	}
	return nil
}

func (m *Memory) Wishes(ctx context.Context, id string) ([]Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id == "" {
		return append([]Request{}, m.wishes...), nil
	}
	if _, err := m.find(id); err != nil {
		return nil, err
	}
	all := []Request{}
	for _, r := range m.wishes {
		if r.Run == id {
			all = append(all, r)
		}
	}
	return all, nil
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

// Claim has those who listen told again what is asked of the run: they may not have been ready for it before.
func (m *Memory) Claim(ctx context.Context, id string) error {
	m.mu.Lock()
	run, err := m.find(id)
	if err == nil && !run.line.Ended.IsZero() {
		err = fmt.Errorf("run %s: %w", id, ErrEnded)
	}
	waiting, ears := slices.Clone(m.wishes), slices.Collect(maps.Keys(m.ears))
	m.mu.Unlock()
	if err != nil {
		return err
	}
	for _, r := range waiting {
		for _, f := range ears {
			if r.Run == id {
				(*f)(r)
			}
		}
	}
	return nil
}

func (m *Memory) Adopt(ctx context.Context) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		m.mu.Lock()
		runs := []Run{}
		for _, run := range m.order {
			if run.line.Ended.IsZero() {
				runs = append(runs, m.lineOf(run))
			}
		}
		m.mu.Unlock()
		for _, parked := range []bool{false, true} {
			for _, run := range runs {
				if run.Standing.Parked == parked && !yield(run, nil) {
					return
				}
			}
		}
	}
}
