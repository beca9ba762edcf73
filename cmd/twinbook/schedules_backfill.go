package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/internal/record"
)

func (a *app) schedulesBackfill(f *schedulesFlags) *cobra.Command {
	var dry, stop bool
	c := &cobra.Command{
		Use: "backfill ID FROM..TO", Short: "Make up for times of a schedule that have passed",
		Long: "Asks the server for runs for the times of a schedule in FROM..TO, both included, for which none has been begun: the earliest\n" +
			"first, at most two under way. FROM and TO are days, such as 2026-03-01, or times, such\n" +
			"as 2026-03-01T02:00, by the schedule's clocks. Where no server runs now, the next one begins them.\n\n" +
			"Exit codes: 0 the server will begin them, or there are none; 2 a schedule, time, flag or configuration is wrong, and nothing was asked for.",
		Example: "  twinbook schedules backfill nightly/1 2026-03-01..2026-03-05 --dry-run",
		Args: func(c *cobra.Command, args []string) error {
			if stop {
				return exactly("a schedule's ID")(c, args)
			}
			return exactly("a schedule's ID", "FROM..TO")(c, args)
		},
		ValidArgsFunction: a.completeSchedules,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withSchedules(c.Context(), f, a.knownJournal, func(d *scheduleDesk) error {
				s, err := d.find(args[0])
				if err != nil {
					return err
				}
				if stop {
					return d.stopBackfills(c.Context(), s)
				}
				return d.backfill(c.Context(), s, args[1], dry)
			})
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "show the times, and ask for nothing")
	c.Flags().BoolVar(&stop, "stop", false, "begin no further runs of the schedule's backfills; those that were begun go on")
	c.MarkFlagsMutuallyExclusive("dry-run", "stop")
	return c
}

// backfillJSON is what a backfill is about; see docs/output.md.
type backfillJSON struct {
	Schedule string           `json:"schedule"`
	Times    []backfillTime   `json:"times"`
	Begun    int              `json:"begun"`              // of them: before
	Backfill *record.Backfill `json:"backfill,omitempty"` // absent: nothing was asked for
}

type backfillTime struct {
	record.ScheduleTime
	Run string `json:"run,omitempty"` // that was begun for it before
}

func (d *scheduleDesk) backfill(ctx context.Context, state journal.ScheduleState, span string, dry bool) error {
	s, err := d.reader.Known(state)
	if err != nil {
		return err
	}
	b, times, err := s.Backfill(span, d.now)
	if err != nil {
		return err
	}
	runs, err := d.begun(ctx, s.ID, times)
	if err != nil {
		return err
	}
	doc := backfillJSON{Schedule: s.ID, Times: []backfillTime{}, Begun: len(runs)}
	for _, t := range times {
		doc.Times = append(doc.Times, backfillTime{record.TimeOf(t), runs[nameOf(t)]})
	}
	if !dry && len(runs) < len(times) {
		b.By, b.Asked = d.whoAsks(), d.now.UTC()
		if b, err = d.store.AskBackfill(ctx, s.ID, b); err != nil {
			return err
		}
		asked := record.BackfillOf(b)
		doc.Backfill = &asked
		d.audit(d.journal, "schedules.backfill", s.ID, b.From.UTC().Format(time.RFC3339)+".."+b.To.UTC().Format(time.RFC3339))
	}
	switch {
	case d.format == "json":
		writeJSON(d.out, doc)
	case dry:
		screen := d.screenOf(d.out, d.outScreen)
		io.WriteString(screen.w, screen.timesTable(s.Zone().String(), times, func(t schedule.Time) string {
			if runs[nameOf(t)] == "" {
				return ""
			}
			return "begun already, as run " + runs[nameOf(t)]
		}))
	}
	d.tellBackfill(state, len(times), len(runs), dry)
	return nil
}

func nameOf(t schedule.Time) string { return t.Nominal.UTC().Format(time.RFC3339) }

// begun are the runs that stand for some of a schedule's times, by the names of their marks.
func (d *scheduleDesk) begun(ctx context.Context, id string, times []schedule.Time) (map[string]string, error) {
	wanted, runs := make(map[string]bool, len(times)), map[string]string{}
	for _, t := range times {
		wanted[nameOf(t)] = true
	}
	for mark, err := range d.store.Marks(ctx, schedule.MarkScope(id)) {
		if err != nil {
			return nil, err
		}
		if wanted[mark.Name] && (mark.Until.IsZero() || mark.Until.After(d.now)) {
			runs[mark.Name] = mark.Run
		}
	}
	return runs, nil
}

// tellBackfill says what a backfill comes to.
func (d *scheduleDesk) tellBackfill(s journal.ScheduleState, times, begun int, dry bool) {
	id := clean(s.ID)
	text := fmt.Sprintf("schedule %s has %s then", id, counted(times, "time"))
	switch {
	case begun == times:
		fmt.Fprintf(d.err, "%s, and runs have been begun for all of them: there is nothing to make up for\n", text)
		return
	case begun > 0:
		text += fmt.Sprintf(", %d of them begun already", begun)
	}
	if dry {
		fmt.Fprintf(d.err, "%s; without --dry-run the server begins %s\n", text, counted(times-begun, "run"))
		return
	}
	order := ""
	if times-begun > 1 {
		order = ", the earliest first"
	}
	fmt.Fprintf(d.err, "%s; the server begins %s%s; %s ends that\n", text, counted(times-begun, "run"), order, d.journal.command("schedules backfill "+id+" --stop"))
	if s.Paused {
		fmt.Fprintf(d.err, "the schedule is paused, by %s %s: the server begins them when it is resumed\n", clean(s.By), when(s.Changed, d.now))
	}
}

// stopBackfills ends the backfills of a schedule.
func (d *scheduleDesk) stopBackfills(ctx context.Context, s journal.ScheduleState) error {
	for _, b := range s.Backfills {
		if err := d.store.EndBackfill(ctx, b.ID); err != nil {
			return err
		}
		d.audit(d.journal, "schedules.backfill", s.ID, "stop")
	}
	if len(s.Backfills) == 0 {
		fmt.Fprintf(d.err, "schedule %s has no backfills to stop\n", clean(s.ID))
	} else {
		fmt.Fprintf(d.err, "%s of schedule %s stopped: no further runs are begun for it\n", counted(len(s.Backfills), "backfill"), clean(s.ID))
	}
	return d.standings(ctx, []journal.ScheduleState{s})
}
