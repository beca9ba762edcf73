package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/internal/record"
)

func (a *app) schedulesList(f *schedulesFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List schedules, and how they stand", Args: cobra.NoArgs,
		Long: "Lists the schedules that the journal knows and those of the folder of workflows: when each runs next, when it ran last and\n" +
			"what came of it, and who has paused it.",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withSchedules(c.Context(), f, a.firstJournal, func(d *scheduleDesk) error { return d.list(c.Context(), f) })
		},
	}
	f.addWorkflows(c)
	return c
}

// firstJournal is readJournal before any server has run, too: the journal that the configuration names is still to be
// made then. One that somebody names for this call has to be there.
func (a *app) firstJournal(ctx context.Context, c *configuration) (openJournal, error) {
	j, err := a.readJournal(ctx, c)
	if file, by, _ := a.journalFile(c); errors.Is(err, errNotMade) && by == c.file {
		return a.emptyJournal(file), nil
	}
	return j, err
}

// A scheduleRow is a schedule in the list.
type scheduleRow struct {
	schedule.Schedule
	state        journal.ScheduleState // its ID is empty: no server has had it
	inFile, told bool                  // whether a file has it, and whether we know that
	last         journal.Mark          // its Name is empty: none was begun
	run          journal.Run           // of last; its ID is empty: it is gone
}

// listedScheduleJSON is a schedule in the list; see docs/output.md.
type listedScheduleJSON struct {
	record.ScheduleStanding
	File string        `json:"file,omitempty"` // absent: no file has it, or the folder was not found
	Last *lastFireJSON `json:"last,omitempty"` // absent: none was begun
}

// lastFireJSON is the latest of a schedule's times for which a run was begun.
type lastFireJSON struct {
	Nominal time.Time    `json:"nominal"`
	Began   time.Time    `json:"began"`
	Run     string       `json:"run"`
	State   record.State `json:"state,omitempty"` // absent: the run is not kept any more
}

func (d *scheduleDesk) list(ctx context.Context, f *schedulesFlags) error {
	rows, err := d.rows(ctx, f)
	if err != nil {
		return err
	}
	if d.format == "json" {
		all := []listedScheduleJSON{}
		for _, r := range rows {
			all = append(all, r.json(d.now))
		}
		writeJSON(d.out, map[string]any{"schedules": all})
		return nil
	}
	if len(rows) == 0 {
		fmt.Fprintln(d.err, "no schedules yet; workflows have them under schedules:, and twinbook serve begins their runs")
		return nil
	}
	return d.write(ctx, rows)
}

// rows are the schedules of the journal and of the folder of workflows, by their ids.
func (d *scheduleDesk) rows(ctx context.Context, f *schedulesFlags) ([]scheduleRow, error) {
	filed, told, err := d.filed(ctx, f)
	if err != nil {
		return nil, err
	}
	var rows []scheduleRow
	for _, state := range d.states {
		s, inFile := filed[state.ID]
		delete(filed, state.ID)
		if !inFile {
			if s, err = d.reader.Known(state); err != nil {
				return nil, err
			}
		}
		row := scheduleRow{Schedule: s, state: state, inFile: inFile, told: told}
		if err := d.addLast(ctx, &row); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	for _, s := range filed {
		rows = append(rows, scheduleRow{Schedule: s, inFile: true, told: true})
	}
	slices.SortFunc(rows, func(a, b scheduleRow) int { return cmp.Compare(a.ID, b.ID) })
	return rows, nil
}

// filed are the schedules of the folder of workflows. told: there is one.
func (d *scheduleDesk) filed(ctx context.Context, f *schedulesFlags) (all map[string]schedule.Schedule, told bool, err error) {
	dir, named := d.workflowsFolder(f, d.config)
	list, problems, err := schedulesBelow(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if len(problems) > 0 {
		fmt.Fprintf(d.err, "%s in %s; their schedules are not known here: twinbook validate %[2]s shows them\n", counted(len(problems), "problem"), dir)
	}
	all = map[string]schedule.Schedule{}
	for _, s := range list {
		all[s.ID] = s
	}
	return all, len(problems) == 0, nil
}

// addLast finds the latest run of a schedule.
func (d *scheduleDesk) addLast(ctx context.Context, row *scheduleRow) (err error) {
	if row.last, err = d.store.LatestMark(ctx, schedule.MarkScope(row.ID)); err != nil || row.last.Run == "" {
		return err
	}
	row.run, err = d.journal.Run(ctx, row.last.Run)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	return err
}

func (r *scheduleRow) json(now time.Time) listedScheduleJSON {
	shown := listedScheduleJSON{ScheduleStanding: record.StandingOf(r.Schedule, r.state, now), File: r.Source.Pos.File}
	if nominal, err := time.Parse(time.RFC3339, r.last.Name); err == nil && r.last.Run != "" {
		shown.Last = &lastFireJSON{Nominal: nominal.In(r.Zone()), Began: r.last.Time, Run: r.last.Run}
		if r.run.ID != "" {
			shown.Last.State = record.StateOf(r.run)
		}
	}
	return shown
}

func (d *scheduleDesk) write(ctx context.Context, rows []scheduleRow) error {
	cells := make([][]cell, len(rows))
	for i, r := range rows {
		last, run := cell{}, cell{}
		if nominal, err := time.Parse(time.RFC3339, r.last.Name); err == nil {
			last = whenCell(r.Schedule, nominal, d.now)
		}
		if r.run.ID != "" {
			short, err := shortIn(ctx, d.journal, r.run.ID, shortEnd(r.run.ID))
			if err != nil {
				return err
			}
			state, look := stateWords(r.run, d.now)
			run = cell{text: short + " " + state, style: look}
		}
		next := cell{}
		if t, ok := r.Next(d.now); ok && !r.state.Paused {
			next = whenCell(r.Schedule, t.Due, d.now)
		}
		words, look := r.words(d.now)
		cells[i] = []cell{
			{text: clean(r.ID), style: bold}, {text: clean(r.Spec()), style: dim}, next, last, run, {text: words, style: look},
		}
	}
	s := d.screenOf(d.out, d.outScreen)
	_, err := io.WriteString(s.w, s.table([]column{
		{title: "SCHEDULE", least: 8}, {title: "TIMES", least: 9, goes: 2}, {title: "NEXT", goes: 4}, {title: "LAST", goes: 1},
		{title: "RUN", least: 6, goes: 3}, {title: "STATE", least: 6, goes: 5},
	}, cells))
	return err
}

// scheduleWhen is when by a schedule's clocks, which it names.
func scheduleWhen(s schedule.Schedule, t, now time.Time) string {
	return when(t, now.In(s.Zone())) + t.In(s.Zone()).Format(secondsOf(t)+" MST")
}

func whenCell(s schedule.Schedule, t, now time.Time) cell {
	return cell{text: scheduleWhen(s, t, now), short: shortWhen(t, now.In(s.Zone()))}
}

// overdue is how long after its time a schedule's run has surely not been begun by any server.
const overdue = 2 * time.Minute

// words say what is to be known of a schedule beside its times.
func (r *scheduleRow) words(now time.Time) (string, style) {
	var backfills string
	if n := len(r.state.Backfills); n > 0 {
		backfills = counted(n, "backfill")
	}
	done := r.state.Done
	if r.state.Changed.After(done) {
		done = r.state.Changed // when it was resumed
	}
	switch waits, ok := r.Next(done); {
	case r.state.ID == "":
		return "no server has had it yet", yellow
	case r.state.Paused:
		return joinedBy(", ", "paused by "+clean(r.state.By)+" "+when(r.state.Changed, now), backfills), yellow
	case r.told && !r.inFile:
		return joinedBy(", ", "in no file any more", backfills), dim
	case r.state.Spec != r.Spec():
		return joinedBy(", ", "no server has had these times yet", backfills), yellow
	case ok && now.Sub(waits.Due) > overdue:
		return joinedBy(", ", "not begun since "+scheduleWhen(r.Schedule, waits.Due, now), backfills), red
	}
	return backfills, cyan
}
