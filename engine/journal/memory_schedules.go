package journal

import (
	"context"
	"maps"
	"slices"
	"time"
)

// memorySchedules is what is known of schedules.
type memorySchedules struct {
	states map[string]*ScheduleState
	last   int64 // the number of the latest backfill
	ears   map[*func()]bool
}

// KnowSchedules takes ID and Spec of all schedules that the server has. For one that is new, or has another Spec than before,
// time begins now.
func (m *Memory) KnowSchedules(ctx context.Context, now time.Time, list []ScheduleState) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range list {
		known := m.schedules.states[s.ID]
		if known == nil {
			known = &ScheduleState{ID: s.ID, Backfills: []Backfill{}}
			m.schedules.states[s.ID] = known
		} else if known.Spec == s.Spec {
			continue
		}
		known.Spec, known.Since, known.Done = s.Spec, utc(now), utc(now)
	}
	return nil
}

// Schedules are all that were ever known, in the order of their ids.
func (m *Memory) Schedules(ctx context.Context) ([]ScheduleState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []ScheduleState{}
	for _, id := range slices.Sorted(maps.Keys(m.schedules.states)) {
		s := *m.schedules.states[id]
		s.Backfills = append([]Backfill{}, s.Backfills...)
		all = append(all, s)
	}
	return all, nil
}

// Dealt notes that a schedule's times up to one are dealt with, without a run. ErrNotFound.
func (m *Memory) Dealt(ctx context.Context, id string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.schedules.states[id]
	if s == nil {
		return noSchedule(id)
	}
	s.deal(until)
	return nil
}

func (s *ScheduleState) deal(until time.Time) {
	if until.After(s.Done) {
		s.Done = utc(until)
	}
}

// PauseSchedule pauses a schedule, or resumes it. One that is so already stays as it is, also by whom and when. ErrNotFound.
func (m *Memory) PauseSchedule(ctx context.Context, id string, paused bool, by string, now time.Time) error {
	return m.change(id, func(s *ScheduleState) {
		if s.Paused != paused {
			s.Paused, s.By, s.Changed = paused, by, utc(now)
		}
	})
}

// AskBackfill keeps the wish for a backfill, and gives it with its number. ErrNotFound: there is no such schedule.
func (m *Memory) AskBackfill(ctx context.Context, id string, b Backfill) (Backfill, error) {
	if err := checkBackfill(b); err != nil {
		return Backfill{}, err
	}
	b.From, b.To, b.Asked = utc(b.From), utc(b.To), utc(b.Asked)
	err := m.change(id, func(s *ScheduleState) {
		m.schedules.last++
		b.ID = m.schedules.last
		s.Backfills = append(s.Backfills, b)
	})
	if err != nil {
		return Backfill{}, err
	}
	return b, nil
}

// EndBackfill forgets a wish that has come true, or is not wanted any longer.
func (m *Memory) EndBackfill(ctx context.Context, id int64) error {
	m.mu.Lock()
	for _, s := range m.schedules.states {
		s.Backfills = slices.DeleteFunc(s.Backfills, func(b Backfill) bool { return b.ID == id })
	}
	m.mu.Unlock()
	m.tellSchedules()
	return nil
}

// change changes what people may change about a schedule, and tells those who listen.
func (m *Memory) change(id string, f func(*ScheduleState)) error {
	m.mu.Lock()
	s := m.schedules.states[id]
	if s == nil {
		m.mu.Unlock()
		return noSchedule(id)
	}
	f(s)
	m.mu.Unlock()
	m.tellSchedules()
	return nil
}

func (m *Memory) tellSchedules() {
	m.mu.Lock()
	ears := slices.Collect(maps.Keys(m.schedules.ears))
	m.mu.Unlock()
	for _, ear := range ears {
		(*ear)()
	}
}

// ListenSchedules has f called when somebody has paused or resumed a schedule, or asked for or ended a backfill; sometimes for
// nothing. f must not wait.
func (m *Memory) ListenSchedules(f func()) (stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.schedules.ears[&f] = true
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.schedules.ears, &f)
	}
}
