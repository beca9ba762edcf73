package schedule

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/cron"
)

// A rhythm is a cron text and what it means, for somebody who looks at a clock each minute.
type rhythm struct {
	cron   string
	hourly bool // of every hour, so that it follows the time that passes
	met    func(wall time.Time) bool
}

var rhythms = []rhythm{
	{"30 2 * * *", false, func(w time.Time) bool { return w.Hour() == 2 && w.Minute() == 30 }},
	{"0 * * * *", true, func(w time.Time) bool { return w.Minute() == 0 }},
	{"*/20 0-2 * * MON-FRI", false, func(w time.Time) bool {
		return w.Minute()%20 == 0 && w.Hour() <= 2 && w.Weekday() != time.Saturday && w.Weekday() != time.Sunday
	}},
	{"0,30 0-6/2 1,15 * 7", false, func(w time.Time) bool {
		day := w.Day() == 1 || w.Day() == 15 || w.Weekday() == time.Sunday
		return day && w.Minute()%30 == 0 && w.Hour() <= 6 && w.Hour()%2 == 0
	}},
}

var yearZones = []string{"Europe/Berlin", "Australia/Lord_Howe", "Asia/Beirut", "UTC"}

// A happening is something in a year, in the reference's eyes.
type happening struct {
	at   time.Time
	what string // "due", "up", "down", "pause", "resume"
	time int    // of what is due: its number
}

// year is what befalls all schedules: when servers are there, and when who is paused.
func year(r *rand.Rand) []happening {
	var all []happening
	at := start
	for i := 0; at.Before(start.AddDate(1, 0, 0)); i++ {
		up := time.Duration(r.IntN(20*24*60)) * time.Minute
		down := time.Duration(r.IntN(int(5*24*60/(i%7+1)))) * time.Minute
		all = append(all, happening{at: at, what: "up"}, happening{at: at.Add(up), what: "down"})
		at = at.Add(up + down)
	}
	at = start
	for at.Before(start.AddDate(1, 0, 0)) {
		at = at.Add(time.Duration(1+r.IntN(30*24*60))*time.Minute + 7*time.Second)
		pause := time.Duration(1+r.IntN(3*24*60)) * time.Minute
		all = append(all, happening{at: at, what: "pause"}, happening{at: at.Add(pause), what: "resume"})
		at = at.Add(pause)
	}
	slices.SortStableFunc(all, func(a, b happening) int { return a.at.Compare(b.at) })
	return slices.DeleteFunc(all, func(h happening) bool { return !h.at.Before(start.AddDate(1, 0, 0)) })
}

// walk finds a rhythm's times by looking at a clock on the wall each minute: all that it passes for the first time.
func (y rhythm) walk(zone *time.Location) []time.Time {
	var times []time.Time
	var highest time.Time
	for at := start.Truncate(24*time.Hour).AddDate(0, 0, -2); at.Before(start.AddDate(1, 0, 0)); at = at.Add(time.Minute) {
		_, offset := at.In(zone).Zone()
		wall := at.Add(time.Duration(offset) * time.Second).UTC()
		first := highest.Add(time.Minute)
		if y.hourly || highest.IsZero() {
			first = wall
		}
		met := false
		for w := first; !w.After(wall); w = w.Add(time.Minute) {
			met = met || y.met(w)
		}
		highest = latest(highest, wall)
		if met {
			times = append(times, at)
		}
	}
	return times
}

// reference is what a schedule with these times begins in a year, by what its policies say in words.
func reference(s Schedule, times []time.Time, year []happening, took time.Duration) []begun {
	all := slices.Clone(year)
	var due time.Time
	for i, nominal := range times {
		due = latest(due, nominal.Add(s.jitter(nominal)))
		if !nominal.After(start) || due.After(start.AddDate(1, 0, 0)) {
			continue
		}
		all = append(all, happening{at: due, what: "due", time: i})
	}
	slices.SortStableFunc(all, func(a, b happening) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.time, b.time)) })

	var began []begun
	var busyUntil, resumed time.Time
	var missed []int
	up, paused := false, false
	begin := func(i int, at time.Time) {
		if s.Source.Overlap == engine.OverlapSkip && at.Before(busyUntil) {
			return
		}
		busyUntil = at.Add(took)
		began = append(began, begun{nominal: times[i], at: at})
	}
	makeUp := func(at time.Time) {
		missed = slices.DeleteFunc(missed, func(i int) bool { return !times[i].After(resumed) })
		keep := map[engine.Missed]int{engine.MissedLatest: 1, engine.MissedAll: MaxMissed}[s.Source.Missed]
		for _, i := range missed[max(0, len(missed)-keep):] {
			begin(i, at)
		}
		missed = nil
	}
	for _, h := range all {
		switch h.what {
		case "up":
			if up = true; !paused {
				makeUp(h.at)
			}
		case "down":
			up = false
		case "pause":
			paused = true
		case "resume":
			paused, resumed, missed = false, h.at, nil
		case "due":
			switch {
			case paused, !times[h.time].After(resumed):
			case up:
				begin(h.time, h.at)
			default:
				missed = append(missed, h.time)
			}
		}
	}
	return began
}

// everyPolicy are schedules of all rhythms and policies, and the times that each has.
func everyPolicy(t *testing.T) (list []Schedule, times [][]time.Time) {
	reader := new(Reader)
	for i, y := range rhythms {
		zone, err := cron.Zone(yearZones[i])
		if err != nil {
			t.Fatal(err)
		}
		walked := y.walk(zone)
		for _, missed := range []engine.Missed{engine.MissedSkip, engine.MissedLatest, engine.MissedAll} {
			for overlap, jitter := range map[engine.Overlap]time.Duration{engine.OverlapSkip: 0, engine.OverlapAllow: 47 * time.Minute} {
				id := fmt.Sprint(i, missed, overlap)
				s, err := reader.Read("w", &engine.Schedule{ID: id, Cron: y.cron, Zone: zone.String(), Jitter: jitter, Overlap: overlap, Missed: missed})
				if err != nil {
					t.Fatal(err)
				}
				list, times = append(list, s), append(times, walked)
			}
		}
	}
	return list, times
}

// TestAYearOfEveryPolicy holds a year of servers that come and go against the reference.
func TestAYearOfEveryPolicy(t *testing.T) {
	list, times := everyPolicy(t)
	happenings := year(rand.New(rand.NewPCG(2026, 1)))
	const took = 50*time.Minute + time.Millisecond/2 // no run ends just when another one is due
	inWorld(t, func(ctx context.Context, w *world) {
		w.took = took
		w.live(ctx, list, happenings)
		for i, s := range list {
			want := reference(s, times[i], happenings, took)
			if len(want) < 10 {
				t.Errorf("%s has only %d runs", s.ID, len(want))
			}
			compare(t, s, w.began[s.ID], want)
		}
	})
}

// live lets a year pass.
func (w *world) live(ctx context.Context, list []Schedule, year []happening) {
	stop := func() {}
	for _, h := range year {
		w.wait(ctx, h.at.Sub(w.clock.Now()))
		switch h.what {
		case "up":
			_, stop = w.serve(ctx, list...)
		case "down":
			stop()
		case "pause", "resume":
			for _, s := range list {
				w.pause(s.ID, h.what == "pause")
			}
		}
	}
	w.wait(ctx, start.AddDate(1, 0, 0).Sub(w.clock.Now()))
	stop()
}

func compare(t *testing.T, s Schedule, got, want []begun) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("%s (%+v): the run for %s at %s is missing, and %d more", s.ID, s.Source, want[i].nominal, want[i].at, len(want)-i-1)
		case i >= len(want):
			t.Errorf("%s (%+v): the run for %s at %s is too many, and %d more", s.ID, s.Source, got[i].nominal, got[i].at, len(got)-i-1)
		case got[i] != want[i]:
			t.Errorf("%s (%+v): run %d is for %s at %s, want %s at %s", s.ID, s.Source, i, got[i].nominal, got[i].at, want[i].nominal, want[i].at)
		default:
			continue
		}
		return
	}
}
