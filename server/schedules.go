package server

import (
	"net/http"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/internal/record"
)

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
	now, lines := s.Clock.Now(), []record.ScheduleStanding{}
	for _, entry := range s.Starter.Library.Workflows() {
		for _, source := range entry.Program.Workflow.Schedules {
			sched, err := reader.Read(entry.Name, source)
			if err != nil {
				return err
			}
			lines = append(lines, record.StandingOf(sched, known[sched.ID], now))
		}
	}
	return c.json(http.StatusOK, struct {
		Schedules []record.ScheduleStanding `json:"schedules"`
	}{lines})
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
	times, after := []record.ScheduleTime{}, s.Clock.Now()
	for range n {
		next, ok := sched.Next(after)
		if !ok {
			break
		}
		times, after = append(times, record.TimeOf(next)), next.Nominal
	}
	return c.json(http.StatusOK, struct {
		Schedule string                `json:"schedule"`
		Timezone string                `json:"timezone"`
		Times    []record.ScheduleTime `json:"times"`
	}{sched.ID, sched.Zone().String(), times})
}
