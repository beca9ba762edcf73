package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/internal/record"
)

// mostNext is how many times of a schedule are shown at most.
const mostNext = 1000

func (a *app) schedulesNext(f *schedulesFlags) *cobra.Command {
	var from string
	n := 10
	c := &cobra.Command{
		Use: "next [FILE|DIR]…", Short: "Show when schedules will run",
		Long: "Shows the times to come of the schedules in files, and what daylight saving does to them. No server is asked: neither\n" +
			"whether a schedule is paused, nor whether one runs. Without FILE and DIR it reads the folder of workflows of twinbook serve.\n\n" +
			"Exit codes: 0 done; 2 a file or flag is wrong.",
		RunE: func(c *cobra.Command, args []string) error { return a.nextTimes(c.Context(), args, f, n, from) },
	}
	c.Flags().IntVarP(&n, "count", "n", n, "how many times of each schedule")
	c.Flags().StringVar(&from, "from", "", "from when on, such as 2026-03-28, 2026-03-28T12:00 or 2026-03-28T12:00:00Z (default: now)")
	f.addWorkflows(c)
	return c
}

// nextJSON is a schedule with its times to come; see docs/output.md.
type nextJSON struct {
	record.Schedule
	File  string                `json:"file"`
	Line  int                   `json:"line"`
	Times []record.ScheduleTime `json:"times"`
}

func (a *app) nextTimes(ctx context.Context, args []string, f *schedulesFlags, n int, from string) error {
	format, err := a.outputFormat(f.output, "text", "json")
	if err != nil {
		return err
	}
	if n < 1 || n > mostNext {
		return fmt.Errorf("-n %d: it can be from 1 to %d", n, mostNext)
	}
	now := time.Now()
	if from != "" {
		if now, err = record.PointInTime(from, now); err != nil {
			return fmt.Errorf("--from: %w", err)
		}
		now = now.Add(-1) // which is part of it
	}
	list, problems, err := a.schedulesIn(ctx, args, f)
	if err != nil {
		return err
	}
	if format == "json" {
		all := []nextJSON{}
		for _, s := range list {
			all = append(all, nextOf(s, now, n))
		}
		writeJSON(a.out, map[string]any{"schedules": all})
	} else {
		a.showNext(list, now, n)
	}
	if len(problems) > 0 {
		return problems
	}
	if len(list) == 0 {
		fmt.Fprintln(a.err, "none of the workflows has schedules")
	}
	return nil
}

func nextOf(s schedule.Schedule, now time.Time, n int) nextJSON {
	shown := nextJSON{Schedule: record.ScheduleOf(s), File: s.Source.Pos.File, Line: s.Source.Pos.Line, Times: []record.ScheduleTime{}}
	for _, t := range comingTimes(s, now, n) {
		shown.Times = append(shown.Times, record.TimeOf(t))
	}
	return shown
}

func comingTimes(s schedule.Schedule, after time.Time, n int) (times []schedule.Time) {
	for t, ok := s.Next(after); ok && len(times) < n; t, ok = s.Next(t.Nominal) {
		times = append(times, t)
	}
	return times
}

// showNext writes a table for each schedule.
func (a *app) showNext(list []schedule.Schedule, now time.Time, n int) {
	s := a.screenOf(a.out, a.outScreen)
	for i, one := range list {
		if i > 0 {
			io.WriteString(s.w, "\n")
		}
		shown := record.ScheduleOf(one)
		jitter := ""
		if shown.Jitter != "" {
			jitter = ", up to " + shown.Jitter + " later"
		}
		fmt.Fprintf(s.w, "%s  %s\n", s.paint(bold, clean(one.ID)), s.paint(dim, fmt.Sprintf("%s in %s%s (%s)", clean(one.Source.Cron), shown.Timezone, jitter, clean(one.Source.Pos.String()))))
		io.WriteString(s.w, s.timesTable(shown.Timezone, comingTimes(one, now, n), nil))
	}
}

// timesTable shows times of a schedule: by its clocks, in UTC and, with jitter, when their runs begin. more adds to the notes.
func (s screen) timesTable(zone string, times []schedule.Time, more func(schedule.Time) string) string {
	rows := make([][]cell, len(times))
	for i, t := range times {
		notes := t.Note
		if more != nil {
			notes = joinedBy("; ", notes, more(t))
		}
		begins := ""
		if !t.Due.Equal(t.Nominal) {
			begins = t.Due.Format("15:04:05")
			if t.Due.YearDay() != t.Nominal.YearDay() {
				begins = t.Due.Format("2006-01-02 15:04:05")
			}
		}
		utc := ""
		if zone != time.UTC.String() {
			utc = t.Nominal.UTC().Format("2006-01-02 15:04" + secondsOf(t.Nominal))
		}
		rows[i] = []cell{
			{text: t.Nominal.Format("Mon 2006-01-02 15:04" + secondsOf(t.Nominal) + " MST")}, {text: begins}, {text: utc, style: dim}, {text: notes, style: yellow},
		}
	}
	return s.table([]column{{title: zone}, {title: "BEGINS", goes: 2}, {title: "UTC", goes: 1}, {title: "NOTE", least: 10}}, rows)
}

// secondsOf is the layout of a time's seconds, which those of @every and those with jitter have.
func secondsOf(t time.Time) string {
	if t.Second() == 0 {
		return ""
	}
	return ":05"
}

// joinedBy puts the texts together that are not empty.
func joinedBy(between string, texts ...string) string {
	all := ""
	for _, text := range texts {
		if all != "" && text != "" {
			all += between
		}
		all += text
	}
	return all
}
