package main

import (
	"context"
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// stateWords are the state of a run as people read it.
func stateWords(r journal.Run, now time.Time) (string, style) {
	switch state := record.StateOf(r); state {
	case record.Left:
		return "left behind" + leftWords(r), yellow
	case record.Waiting:
		return waitingWords(r.Standing, now), cyan
	case record.Queued:
		return "queued", cyan
	case record.Running:
		if r.Standing.Approval {
			return "running, waiting for approval", cyan
		}
		return "running", cyan
	case record.Paused:
		return "paused", yellow
	default:
		return clean(string(state)), statusStyle(r.Status)
	}
}

// leftWords say what happens first when somebody goes on with a run that nobody drives.
func leftWords(r journal.Run) string {
	switch {
	case r.Wish == engine.CancelRequested:
		return ", will be cancelled"
	case staysPaused(r) && r.Standing.Paused:
		return ", paused"
	case staysPaused(r):
		return ", will be paused"
	case r.Standing.Queued:
		return ", queued"
	case r.Standing.Approval:
		return ", waiting for approval"
	}
	return ""
}

// staysPaused says whether a run that somebody goes on with would begin nothing.
func staysPaused(r journal.Run) bool {
	return r.Wish == engine.PauseRequested || r.Standing.Paused && r.Wish == ""
}

// waitingWords say until when a parked run waits.
func waitingWords(s journal.Standing, now time.Time) string {
	text := "waiting"
	if s.Approval {
		text = "waiting for approval"
	}
	switch {
	case s.Wake.IsZero():
		return text
	case s.Alert || s.Approval:
		return text + ", at most until " + when(s.Wake, now)
	}
	return text + " until " + when(s.Wake, now)
}

func statusStyle(status engine.Status) style {
	switch status {
	case engine.Succeeded:
		return green
	case engine.Failed:
		return red
	case engine.Cancelled:
		return yellow
	}
	return dim
}

// when is a time as people say it on now's day, in its time zone: today 10:31, yesterday 22:05, 2026-11-01 10:31.
func when(t, now time.Time) string {
	t = t.In(now.Location())
	for word, days := range map[string]int{"yesterday": -1, "today": 0, "tomorrow": 1} {
		if t.Format(time.DateOnly) == now.AddDate(0, 0, days).Format(time.DateOnly) {
			return word + t.Format(" 15:04")
		}
	}
	return t.Format("2006-01-02 15:04")
}

// shortWhen is when in five columns, as far as it goes: the hour of today, else the day of a year, else the year.
func shortWhen(t, now time.Time) string {
	t = t.In(now.Location())
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04")
	case now.Sub(t) < 300*24*time.Hour:
		return t.Format("01-02")
	}
	return t.Format("2006")
}

// whenExactly is when with seconds.
func whenExactly(t, now time.Time) string { return when(t, now) + t.In(now.Location()).Format(":05") }

// toTheMillisecond is how the lines of a log have their times.
const toTheMillisecond = "15:04:05.000"

// clockTime is a time in this machine's time zone, by its layout on now's day, else with its day.
func clockTime(t, now time.Time, layout string) string {
	t, now = t.Local(), now.Local()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(layout)
	}
	return whenExactly(t, now)
}

// shortestID is how much of an id is shown at least.
const shortestID = 5

// shortEnd is the end of an id by which people know it again.
func shortEnd(id string) string { return id[max(0, len(id)-shortestID):] }

// shortIDs are the ends of ids that tell them apart. Ids begin with their time, so their ends differ most.
func shortIDs(ids []string) map[string]string {
	sorted := slices.Clone(ids)
	slices.SortFunc(sorted, compareEnds)
	sorted = slices.Compact(sorted)
	short := make(map[string]string, len(sorted))
	for i, id := range sorted {
		n := shortestID
		if i > 0 {
			n = max(n, commonEnd(sorted[i-1], id)+1)
		}
		if i < len(sorted)-1 {
			n = max(n, commonEnd(id, sorted[i+1])+1)
		}
		short[id] = id[max(0, len(id)-n):]
	}
	return short
}

// compareEnds is the order of ids read backwards: those with the same end stand together.
func compareEnds(a, b string) int {
	n := commonEnd(a, b)
	if n == len(a) || n == len(b) {
		return len(a) - len(b)
	}
	return int(a[len(a)-1-n]) - int(b[len(b)-1-n])
}

func commonEnd(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// shortIn is short, or as much more of the id as it takes to mean no other run of the journal.
func shortIn(ctx context.Context, j journal.Journal, id, short string) (string, error) {
	for ; len(short) < len(id); short = id[len(id)-len(short)-1:] {
		ids, err := j.Find(ctx, short)
		if err != nil || len(ids) < 2 {
			return short, err
		}
	}
	return short, nil
}
