package server

import (
	"net/http"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
)

// A scheduleLine is a schedule of a workflow, and how it stands.
type scheduleLine struct {
	ID       string         `json:"id"` // WORKFLOW/ID
	Workflow string         `json:"workflow"`
	Cron     string         `json:"cron"`
	Timezone string         `json:"timezone"`
	Jitter   string         `json:"jitter,omitempty"`
	Overlap  engine.Overlap `json:"overlap"`
	Missed   engine.Missed  `json:"missed"`

	Paused    bool           `json:"paused"`
	By        string         `json:"by,omitempty"`       // who paused or resumed it last
	ChangedAt time.Time      `json:"changedAt,omitzero"` // when
	Done      time.Time      `json:"done,omitzero"`      // its times up to this one are dealt with
	Next      *timeLine      `json:"next,omitempty"`     // absent: it has no further time
	Backfills []backfillLine `json:"backfills"`          // asked for, and not begun entirely
}

// A timeLine is one of a schedule's times.
type timeLine struct {
	Nominal time.Time `json:"nominal"` // by the schedule, in its zone
	Due     time.Time `json:"due"`     // when the run begins
	Note    string    `json:"note,omitempty"`
}

type backfillLine struct {
	ID    int64     `json:"id"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	By    string    `json:"by,omitempty"`
	Asked time.Time `json:"asked"`
}

func lineOf(t schedule.Time) timeLine { return timeLine{Nominal: t.Nominal, Due: t.Due, Note: t.Note} }

func backfillOf(b journal.Backfill) backfillLine {
	return backfillLine{ID: b.ID, From: b.From, To: b.To, By: b.By, Asked: b.Asked}
}

// listSchedules answers with the schedules of all workflows of the library, by workflow and in the order of its file.
func (s *Server) listSchedules(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	states, err := s.Journal.Schedules(c.Context())
	if err != nil {
		return err
	}
	known := make(map[string]journal.ScheduleState, len(states))
	for _, state := range states {
		known[state.ID] = state
	}
	var reader schedule.Reader
	now, lines := s.Clock.Now(), []scheduleLine{}
	for _, entry := range s.Starter.Library.Workflows() {
		for _, source := range entry.Program.Workflow.Schedules {
			sched, err := reader.Read(entry.Name, source)
			if err != nil {
				return err
			}
			lines = append(lines, scheduleOf(sched, known[sched.ID], now))
		}
	}
	return c.json(http.StatusOK, struct {
		Schedules []scheduleLine `json:"schedules"`
	}{lines})
}

func scheduleOf(sched schedule.Schedule, state journal.ScheduleState, now time.Time) scheduleLine {
	line := scheduleLine{
		ID: sched.ID, Workflow: sched.Workflow, Cron: sched.Source.Cron, Timezone: sched.Zone().String(),
		Overlap: sched.Source.Overlap, Missed: sched.Source.Missed,
		Paused: state.Paused, By: state.By, ChangedAt: state.Changed, Done: state.Done, Backfills: []backfillLine{},
	}
	if sched.Source.Jitter > 0 {
		line.Jitter = expr.FormatDuration(sched.Source.Jitter)
	}
	if next, ok := sched.Next(now); ok {
		t := lineOf(next)
		line.Next = &t
	}
	for _, b := range state.Backfills {
		line.Backfills = append(line.Backfills, backfillOf(b))
	}
	return line
}

// schedule is the one that the path names.
func (s *Server) schedule(c *call) (schedule.Schedule, error) {
	workflow, id := c.PathValue("workflow"), c.PathValue("schedule")
	if entry, ok := s.Starter.Library.Workflow(workflow); ok {
		for _, source := range entry.Program.Workflow.Schedules {
			if source.ID == id {
				return new(schedule.Reader).Read(workflow, source)
			}
		}
	}
	return schedule.Schedule{}, plain(http.StatusNotFound, "there is no such schedule on this server")
}

// mostTimes is how far nextTimes looks ahead.
const mostTimes = 1000

// nextTimes answers with the times to come of a schedule.
func (s *Server) nextTimes(c *call) error {
	q, err := c.query("n")
	if err != nil {
		return err
	}
	n, err := q.number("n", 10, 1, mostTimes)
	if err != nil {
		return err
	}
	sched, err := s.schedule(c)
	if err != nil {
		return err
	}
	times, after := []timeLine{}, s.Clock.Now()
	for range n {
		next, ok := sched.Next(after)
		if !ok {
			break
		}
		times, after = append(times, lineOf(next)), next.Nominal
	}
	return c.json(http.StatusOK, struct {
		Schedule string     `json:"schedule"`
		Timezone string     `json:"timezone"`
		Times    []timeLine `json:"times"`
	}{sched.ID, sched.Zone().String(), times})
}
