package schedule

import (
	"context"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

// knowing is how the Book stands to what the store knows.
type knowing struct {
	stale bool // the store may know something new
	news  bool // the store has not heard of the list yet
	busy  bool // it is being asked

	failures int // in a row
	again    alarm
}

// know asks the store how far the schedules are, unless it is being asked already.
func (b *Book) know() {
	k := &b.known
	if !k.stale || k.busy || k.again.place > 0 && !k.news {
		return
	}
	b.alarms.unset(&k.again)
	list, news, now := b.list, k.news, b.now
	k.stale, k.news, k.busy = false, false, true
	b.call("the schedules' states", func(ctx context.Context) func() {
		states, err := b.ask(ctx, list, news, now)
		return func() { b.knew(list, news, states, err) }
	})
}

func (b *Book) ask(ctx context.Context, list []Schedule, news bool, now time.Time) ([]journal.ScheduleState, error) {
	if news {
		known := make([]journal.ScheduleState, len(list))
		for i := range list {
			known[i] = journal.ScheduleState{ID: list[i].ID, Spec: list[i].Spec()}
		}
		if err := b.config.Store.KnowSchedules(ctx, now.UTC(), known); err != nil {
			return nil, err
		}
	}
	return b.config.Store.Schedules(ctx)
}

// knew takes what the store has said.
func (b *Book) knew(list []Schedule, news bool, states []journal.ScheduleState, err error) {
	k := &b.known
	k.busy = false
	switch {
	case err == nil:
		k.failures = 0
		b.take(list, states)
	case !b.closing:
		k.stale, k.news = true, k.news || news
		k.failures++
		wait := backoff(k.failures, time.Second, time.Minute)
		b.alarms.set(&k.again, b.now.Add(wait))
		b.config.Log.Error("the journal did not say how far the schedules are, and will be asked again", "in", wait, "error", err)
		return
	}
	b.know()
}

// take brings the entries in step with a list and with what the store knows of it.
func (b *Book) take(list []Schedule, states []journal.ScheduleState) {
	known := make(map[string]*journal.ScheduleState, len(states))
	for i := range states {
		known[states[i].ID] = &states[i]
	}
	listed := make(map[string]bool, len(list))
	for i := range list {
		id := list[i].ID
		listed[id] = true
		if known[id] == nil {
			b.config.Log.Error("the journal does not know a schedule; it is not followed", "schedule", id)
			continue
		}
		b.takeOne(list[i], known[id])
	}
	for id, e := range b.entries {
		if !listed[id] {
			b.drop(e)
		}
	}
}

func (b *Book) takeOne(s Schedule, state *journal.ScheduleState) {
	e := b.entries[s.ID]
	fresh := e == nil
	if fresh {
		e = &entry{Schedule: s}
		e.alarm.ring = func() { b.attend(e) }
		b.entries[s.ID] = e
	}
	before := *e
	if e.Spec() != s.Spec() {
		e.owed, e.failures, e.done = nil, 0, time.Time{}
	}
	e.Schedule, e.paused = s, state.Paused
	e.done = latest(e.done, latest(state.Since, state.Done))
	if !state.Paused && e.done.Before(state.Changed) { // times up to its being resumed are not made up for
		e.done, e.owed = state.Changed, nil
	}
	if fresh || before.Source != s.Source || before.paused != e.paused || !before.done.Equal(e.done) {
		b.attend(e)
	}
	if len(e.fills)+len(state.Backfills) > 0 {
		b.fillIn(e, state.Backfills)
	}
}

// drop forgets a schedule. What is under way for it goes on.
func (b *Book) drop(e *entry) {
	e.gone = true
	b.alarms.unset(&e.alarm)
	for _, f := range e.fills {
		b.alarms.unset(&f.alarm)
	}
	delete(b.entries, e.ID)
}
