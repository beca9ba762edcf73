package schedule

import (
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/cron"
	"github.com/twinbook/twinbook/engine/journal"
)

// A Schedule is a workflow's schedule, ready to be followed.
type Schedule struct {
	ID       string // WORKFLOW/ID
	Workflow string // its name
	Source   *engine.Schedule

	spec *cron.Spec
	zone *time.Location
}

// A Reader makes schedules of those that workflows have. What is known of a zone is kept once for all of them. The zero
// value is ready; it serves one caller at a time.
type Reader struct{ zones map[string]*time.Location }

// Read is a schedule of the workflow of that name. It keeps s, which nobody changes afterwards.
func (r *Reader) Read(workflow string, s *engine.Schedule) (Schedule, error) {
	id := workflow + "/" + s.ID
	spec, err := cron.Parse(s.Cron)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %s: %w", id, err)
	}
	zone, err := r.zone(s.Zone)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %s: %w", id, err)
	}
	if s.Jitter < 0 || s.Jitter > engine.MaxJitter {
		return Schedule{}, fmt.Errorf("schedule %s: a jitter of %s; it can be up to %s", id, s.Jitter, engine.MaxJitter)
	}
	return Schedule{ID: id, Workflow: workflow, Source: s, spec: spec, zone: zone}, nil
}

func (r *Reader) zone(name string) (*time.Location, error) {
	if zone := r.zones[name]; zone != nil {
		return zone, nil
	}
	zone, err := cron.Zone(name)
	if err == nil {
		if r.zones == nil {
			r.zones = map[string]*time.Location{}
		}
		r.zones[name] = zone
	}
	return zone, err
}

// Zone is the time zone by whose clocks the schedule goes.
func (s *Schedule) Zone() *time.Location { return s.zone }

// Spec says when the schedule's times are, in its cron text and zone. One with another Spec begins anew.
func (s *Schedule) Spec() string { return s.spec.String() + " " + s.zone.String() }

// A Time is one of a schedule's times.
type Time struct {
	Nominal time.Time // by the schedule, in its zone
	Due     time.Time // when the run begins: with jitter a little later
	Note    string    // what a clock's being put forward or back has to do with it; mostly empty
}

// Next is the schedule's first time after a moment. False: there is none.
func (s *Schedule) Next(after time.Time) (Time, bool) {
	t, ok := s.spec.Next(after, s.zone)
	if !ok {
		return Time{}, false
	}
	return Time{Nominal: t.At, Due: s.due(t.At).In(s.zone), Note: t.Note}, true
}

// MarkScope is the scope of the marks of a schedule's times; their names are the times in UTC, as RFC 3339 has them.
func MarkScope(id string) string { return "schedule " + id }

// An Admission is what goes with a run into the commit that begins it.
type Admission struct {
	Marks []journal.Mark
	Fire  *journal.Fire
	Slots []engine.Slot
}

// keepMarks is how long it is known that a time was begun; MaxAge is how far a backfill reaches back, which is less.
const (
	keepMarks = 400 * 24 * time.Hour
	MaxAge    = 366 * 24 * time.Hour
)

// Admission goes with the run for a time: so that it is begun once, and beside others as the schedule says. Runs of a
// backfill wait for each other, whatever the schedule says about overlaps.
func (s *Schedule) Admission(nominal, now time.Time, backfill bool) Admission {
	nominal = nominal.UTC()
	a := Admission{
		Marks: []journal.Mark{{
			Scope: MarkScope(s.ID), Name: nominal.Format(time.RFC3339), Time: now, Until: now.Add(keepMarks),
		}},
		Fire: &journal.Fire{Schedule: s.ID, Nominal: nominal},
	}
	if backfill {
		a.Slots = append(a.Slots, engine.Slot{Key: "backfill " + s.ID, Limit: 2, WhenFull: engine.Reject}) // one goes on, and one is at the door
	}
	if s.Source.Overlap == engine.OverlapAllow {
		return a
	}
	slot := engine.Slot{Key: "schedule " + s.ID, Limit: 1, WhenFull: engine.Queue}
	switch {
	case backfill:
	case s.Source.Overlap == engine.OverlapReplace:
		slot.WhenFull = engine.Replace
	case s.Source.Overlap != engine.OverlapQueue:
		slot.WhenFull = engine.Reject
	}
	a.Slots = append(a.Slots, slot)
	return a
}
