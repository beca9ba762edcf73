package record

import (
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
)

// A Schedule is what a file says of a schedule.
type Schedule struct {
	ID       string         `json:"id"` // WORKFLOW/ID
	Workflow string         `json:"workflow"`
	Cron     string         `json:"cron"`
	Timezone string         `json:"timezone"`
	Jitter   string         `json:"jitter,omitempty"`
	Overlap  engine.Overlap `json:"overlap,omitempty"` // absent: no file says
	Missed   engine.Missed  `json:"missed,omitempty"`
}

// A ScheduleStanding is how a schedule stands.
type ScheduleStanding struct {
	Schedule
	Paused    bool          `json:"paused"`
	By        string        `json:"by,omitempty"`       // who paused or resumed it last
	ChangedAt time.Time     `json:"changedAt,omitzero"` // when
	Done      time.Time     `json:"done,omitzero"`      // its times up to this one are dealt with; absent: no server has had it
	Next      *ScheduleTime `json:"next,omitempty"`     // absent: it has no further time
	Backfills []Backfill    `json:"backfills"`          // asked for, and not begun entirely
}

// A ScheduleTime is one of a schedule's times.
type ScheduleTime struct {
	Nominal time.Time `json:"nominal"` // by the schedule, in its zone
	Due     time.Time `json:"due"`     // when the run begins
	Note    string    `json:"note,omitempty"`
}

// A Backfill is the wish to make up for a schedule's times.
type Backfill struct {
	ID    int64     `json:"id"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	By    string    `json:"by,omitempty"`
	Asked time.Time `json:"asked"`
}

// ScheduleOf is what a schedule's file says of it.
func ScheduleOf(s schedule.Schedule) Schedule {
	shown := Schedule{
		ID: s.ID, Workflow: s.Workflow, Cron: s.Source.Cron, Timezone: s.Zone().String(), Overlap: s.Source.Overlap, Missed: s.Source.Missed,
	}
	if s.Source.Jitter > 0 {
		shown.Jitter = expr.FormatDuration(s.Source.Jitter)
	}
	return shown
}

// StandingOf is how a schedule stands, by what the journal knows of it.
func StandingOf(s schedule.Schedule, state journal.ScheduleState, now time.Time) ScheduleStanding {
	shown := ScheduleStanding{
		Schedule: ScheduleOf(s), Paused: state.Paused, By: state.By, ChangedAt: state.Changed, Done: state.Done, Backfills: []Backfill{},
	}
	if next, ok := s.Next(now); ok {
		t := TimeOf(next)
		shown.Next = &t
	}
	for _, b := range state.Backfills {
		shown.Backfills = append(shown.Backfills, BackfillOf(b))
	}
	return shown
}

// TimeOf is one of a schedule's times.
func TimeOf(t schedule.Time) ScheduleTime {
	return ScheduleTime{Nominal: t.Nominal, Due: t.Due, Note: t.Note}
}

// BackfillOf is a backfill that somebody has asked for.
func BackfillOf(b journal.Backfill) Backfill {
	return Backfill{ID: b.ID, From: b.From, To: b.To, By: b.By, Asked: b.Asked}
}
