package journal

import (
	"context"
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A memorySlot is who holds places of a slot, and who waits for one, in the order of asking.
type memorySlot struct{ held, line []*memoryPlace }

// A memoryPlace is a run's.
type memoryPlace struct {
	run  *memoryRun
	slot engine.Slot
	rest []engine.Slot // of one that waits: the slots it takes after this one
	told bool          // it holds a place, and was asked to end to make room
}

// slot is that of a key; one that nobody uses is not kept.
func (m *Memory) slot(key string) *memorySlot {
	if s := m.slots[key]; s != nil {
		return s
	}
	return &memorySlot{}
}

func (s *memorySlot) full(key string) *FullError {
	return &FullError{Key: key, Holders: s.holders()}
}

func (s *memorySlot) holders() []string {
	runs := []string{}
	for _, p := range s.held[:min(len(s.held), manyHolders)] {
		runs = append(runs, p.run.line.ID)
	}
	return runs
}

// outlook says, before anything is done, whether a run that takes these slots would have to wait; a *FullError if it
// does not want to.
func (m *Memory) outlook(wanted []engine.Slot) (queued bool, err error) {
	for _, w := range wanted {
		s := m.slot(w.Key)
		switch {
		case len(s.held) < w.Limit && (len(s.line) == 0 || w.WhenFull == engine.Replace):
		case w.WhenFull == engine.Reject:
			return false, s.full(w.Key)
		default:
			return true, nil
		}
	}
	return false, nil
}

// take has a run take slots one after the other. True: it has all of them. A run that is begun has an outlook; for one
// whose turn has come, what it does not want to wait for may be full by now.
func (m *Memory) take(run *memoryRun, wanted []engine.Slot, at time.Time) bool {
	for i, w := range wanted {
		s := m.slot(w.Key)
		m.slots[w.Key] = s
		p := &memoryPlace{run: run, slot: w}
		if w.WhenFull == engine.Replace && (len(s.line) > 0 || len(s.held) >= w.Limit) {
			m.replace(run, s, at)
		}
		switch {
		case len(s.held) < w.Limit && len(s.line) == 0:
			s.held = append(s.held, p)
			run.keys = append(run.keys, w.Key)
		case w.WhenFull == engine.Reject:
			m.ask(Request{Run: run.line.ID, Kind: engine.CancelRequested, Reason: s.full(w.Key).Error(), Time: at})
			return false
		default:
			p.rest = wanted[i+1:]
			s.line = append(s.line, p)
			run.keys = append(run.keys, w.Key)
			return false
		}
	}
	return true
}

// replace asks those who hold a place or wait for one to end, each once. Those who wait do so no longer.
func (m *Memory) replace(run *memoryRun, s *memorySlot, at time.Time) {
	for _, p := range slices.Concat(s.held, s.line) {
		if !p.told {
			m.ask(Request{Run: p.run.line.ID, Kind: engine.CancelRequested, Reason: replacedBy + run.line.ID, Time: at})
			p.told = true
		}
	}
	s.line = nil
}

// release gives back what a run holds, and its place in a line, to those who wait.
func (m *Memory) release(run *memoryRun) {
	its := func(p *memoryPlace) bool { return p.run == run }
	for _, key := range run.keys {
		s := m.slot(key)
		s.held, s.line = slices.DeleteFunc(s.held, its), slices.DeleteFunc(s.line, its)
	}
	for _, key := range run.keys {
		s := m.slot(key)
		for len(s.line) > 0 && len(s.held) < s.line[0].slot.Limit {
			p := s.line[0]
			s.line, s.held = s.line[1:], append(s.held, p)
			if m.take(p.run, p.rest, run.line.Ended) {
				m.ask(Request{Run: p.run.line.ID, Kind: engine.RunAdmitted, Time: run.line.Ended})
			}
		}
		if len(s.held) == 0 && len(s.line) == 0 {
			delete(m.slots, key)
		}
	}
	run.keys = nil
}

// Holders says why a queued run waits: the slot that it cannot have yet. Empty: it waits for none, since it has begun, is
// about to, or was replaced. ErrNotFound.
func (m *Memory) Holders(ctx context.Context, id string) ([]Holding, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	run, err := m.find(id)
	if err != nil {
		return nil, err
	}
	all := []Holding{}
	for _, key := range run.keys {
		s := m.slot(key)
		if at := slices.IndexFunc(s.line, func(p *memoryPlace) bool { return p.run == run }); at >= 0 {
			all = append(all, Holding{Key: key, Limit: s.line[at].slot.Limit, Runs: s.holders(), Ahead: min(at, manyAhead)})
		}
	}
	return all, nil
}
