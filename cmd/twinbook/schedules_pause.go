package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

func (a *app) schedulesPause(f *schedulesFlags) *cobra.Command {
	return a.pausing(f, true, &cobra.Command{
		Use: "pause ID…", Short: "Let the times of schedules pass without runs",
		Long: "No run is begun for a schedule that is paused, and its backfills wait. Runs that have been begun go on. It stays so, also when\n" +
			"the server is started anew, until schedules resume.\n\n" +
			"Exit codes: 0 the schedules are paused; 2 a schedule, flag or configuration is wrong, and nothing was changed.",
	})
}

func (a *app) schedulesResume(f *schedulesFlags) *cobra.Command {
	return a.pausing(f, false, &cobra.Command{
		Use: "resume ID…", Short: "Have paused schedules run again",
		Long: "Runs are begun again from the next time on. Times that have passed are not made up for; schedules backfill does that.\n\n" +
			"Exit codes: 0 the schedules are not paused any more; 2 a schedule, flag or configuration is wrong, and nothing was changed.",
	})
}

func (a *app) pausing(f *schedulesFlags, pause bool, c *cobra.Command) *cobra.Command {
	c.Args, c.ValidArgsFunction = namesSchedules, a.completeSchedules
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.withSchedules(c.Context(), f, a.knownJournal, func(d *scheduleDesk) error {
			found, err := d.findAll(args)
			if err != nil {
				return err
			}
			for _, s := range found {
				if err := d.pause(c.Context(), s, pause); err != nil {
					return err
				}
			}
			return d.standings(c.Context(), found)
		})
	}
	return c
}

func (d *scheduleDesk) pause(ctx context.Context, s journal.ScheduleState, pause bool) error {
	id := clean(s.ID)
	switch {
	case s.Paused && pause:
		fmt.Fprintf(d.err, "schedule %s is paused already, by %s %s\n", id, clean(s.By), when(s.Changed, d.now))
		return nil
	case !s.Paused && !pause:
		fmt.Fprintf(d.err, "schedule %s is not paused\n", id)
		return nil
	}
	if err := d.store.PauseSchedule(ctx, s.ID, pause, d.whoAsks(), d.now.UTC()); err != nil {
		return err
	}
	if pause {
		d.audit(d.journal, "schedules.pause", s.ID, "")
		fmt.Fprintf(d.err, "schedule %s is paused: its times pass without runs until %s\n", id, d.journal.command("schedules resume "+id))
		return nil
	}
	d.audit(d.journal, "schedules.resume", s.ID, "")
	known, err := d.reader.Known(s)
	if err != nil {
		return err
	}
	if next, ok := known.Next(d.now); ok {
		fmt.Fprintf(d.err, "schedule %s runs again, next %s\n", id, scheduleWhen(known, next.Nominal, d.now))
	}
	return nil
}

// standings writes how schedules stand now, with --output json.
func (d *scheduleDesk) standings(ctx context.Context, of []journal.ScheduleState) error {
	if d.format != "json" {
		return nil
	}
	states, err := d.store.Schedules(ctx)
	if err != nil {
		return err
	}
	all := []record.ScheduleStanding{}
	for _, s := range of {
		for _, now := range states {
			if now.ID != s.ID {
				continue
			}
			known, err := d.reader.Known(now)
			if err != nil {
				return err
			}
			all = append(all, record.StandingOf(known, now, d.now))
		}
	}
	writeJSON(d.out, map[string]any{"schedules": all})
	return nil
}
