package cron

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// zones are those with the strangest clocks, and a few usual ones.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Australia/Lord_Howe", "Africa/Casablanca",
	"America/St_Johns", "Asia/Kathmandu", "Asia/Tehran", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kwajalein", "Pacific/Easter", "America/Caracas",
	"Asia/Pyongyang", "Europe/Dublin", "Europe/Istanbul", "Antarctica/Troll", "America/Havana", "America/Asuncion", "Asia/Gaza", "America/Scoresbysund",
	"Africa/Monrovia", "Asia/Kolkata", "Europe/Volgograd", "America/Nuuk", "Asia/Amman", "Pacific/Norfolk", "Africa/Juba", "Asia/Manila", "Europe/Moscow",
}

// A plan is a spec as sets of numbers, and the text for it.
type plan struct {
	text                                   string
	minutes, hours, days, months, weekdays [60]bool
	either                                 bool
}

// randomPlan writes its sets as lists of ranges, so that a reader must put them together again.
func randomPlan(r *rand.Rand) plan {
	var p plan
	var fields [5]string
	var stars [5]bool
	sets := []*[60]bool{&p.minutes, &p.hours, &p.days, &p.months, &p.weekdays}
	for i, bounds := range [][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}} {
		stars[i] = r.IntN(5) < []int{1, 2, 3, 4, 4}[i]
		fields[i] = "*"
		if stars[i] {
			for v := bounds[0]; v <= bounds[1]; v++ {
				sets[i][v] = true
			}
			continue
		}
		var items []string
		for range 1 + r.IntN(3) {
			items = append(items, randomItem(r, sets[i], bounds[0], bounds[1]))
		}
		fields[i] = strings.Join(items, ",")
	}
	p.text, p.either = strings.Join(fields[:], " "), !stars[2] && !stars[4]
	return p
}

func randomItem(r *rand.Rand, set *[60]bool, low, high int) string {
	from := low + r.IntN(high-low+1)
	to := from + r.IntN(high-from+1)
	if from == to || r.IntN(2) == 0 {
		set[from] = true
		return fmt.Sprint(from)
	}
	step := 1 + r.IntN(to-from)
	for v := from; v <= to; v += step {
		set[v] = true
	}
	return fmt.Sprintf("%d-%d/%d", from, to, step)
}

// met says whether a minute, counted since 1970 as if it were UTC, is one of the plan's.
func (p *plan) met(minutes int64) bool {
	if !p.minutes[minutes%60] || !p.hours[minutes/60%24] {
		return false
	}
	at := time.Unix(minutes*60, 0).UTC()
	inMonth, inWeek := p.days[at.Day()], p.weekdays[at.Weekday()]
	if p.either {
		return p.months[at.Month()] && (inMonth || inWeek)
	}
	return p.months[at.Month()] && inMonth && inWeek
}

// reference walks minute by minute and looks at the clock. All minutes that the clock passes for the first time count, be it
// that it shows them or leaves them out; for a plan of every hour, those that it shows.
func (p *plan) reference(from, to time.Time, zone *time.Location) []time.Time {
	hourly := !slices.Contains(p.hours[:24], false)
	highest := int64(-1)
	var times []time.Time
	for at := from.Add(-50 * time.Hour); !at.After(to); at = at.Add(time.Minute) {
		_, offset := at.In(zone).Zone()
		shown := (at.Unix() + int64(offset)) / 60
		first := highest + 1
		if hourly || highest < 0 {
			first = shown
		}
		fires := false
		for m := first; m <= shown; m++ {
			fires = fires || p.met(m)
		}
		highest = max(highest, shown)
		if fires && at.After(from) {
			times = append(times, at)
		}
	}
	return times
}

// FuzzNext holds Next against the reference: a random spec, zone and year.
func FuzzNext(f *testing.F) {
	for seed := range uint64(len(zones)) {
		f.Add(seed, uint8(seed), uint8(seed*7))
	}
	f.Fuzz(func(t *testing.T, seed uint64, place, since uint8) {
		zone := mustZone(t, zones[int(place)%len(zones)])
		from := time.Date(1975+int(since)%75, 1, 1, 0, 0, 0, 0, time.UTC) // no zone has parts of minutes since then
		to := from.AddDate(1, 0, 0)
		p := randomPlan(rand.New(rand.NewPCG(seed, 5)))
		s, err := Parse(p.text)
		if err != nil {
			return // such as 31 February
		}
		at := from
		for _, want := range p.reference(from, to, zone) {
			next, ok := s.Next(at, zone)
			if !ok || !next.At.Equal(want) {
				t.Fatalf("%s in %s after %s is %s (%s), want %s", p.text, zone, at.In(zone), next.At, next.Note, want.In(zone))
			}
			at = want
		}
		if next, ok := s.Next(at, zone); ok && !next.At.After(to) {
			t.Fatalf("%s in %s after %s is %s, want none until %s", p.text, zone, at.In(zone), next.At, to)
		}
	})
}
