package schedule

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

func known(t *testing.T, spec string) Schedule {
	t.Helper()
	s, err := new(Reader).Known(journal.ScheduleState{ID: "w/1", Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSpanOfABackfill(t *testing.T) {
	now := time.Date(2026, 4, 2, 10, 30, 0, 0, time.UTC)
	tests := []struct{ spec, span, want string }{
		{"30 2 * * * Europe/Berlin", "2026-03-28..2026-03-30", "03-28 02:30 CET, 03-29 03:00 CEST, 03-30 02:30 CEST"},
		{"0 */12 * * * Europe/Berlin", "2026-04-01..2026-04-02", "04-01 00:00 CEST, 04-01 12:00 CEST, 04-02 00:00 CEST, 04-02 12:00 CEST"},
		{"0 * * * * Europe/Berlin", "2026-04-02T10:00..2026-04-02T12:00", "04-02 10:00 CEST, 04-02 11:00 CEST, 04-02 12:00 CEST"},
		{"0 * * * * Europe/Berlin", "2026-04-02 10:01 .. 2026-04-02 11:59:59", "04-02 11:00 CEST"},
		{"0 * * * * Europe/Berlin", "2026-04-02T10:00:00Z..2026-04-02T10:00:00Z", "04-02 12:00 CEST"},
		{"30 * * * * Asia/Beirut", "2026-03-29..2026-03-29T02:00", "03-29 01:30 EEST"},  // which begins at 01:00
		{"30 23 * * * Asia/Beirut", "2026-03-28..2026-03-28", "03-28 23:30 EET"},        // and this one ends then
		{"0 * * * * Europe/Berlin", "2026-04-02T12:00..2026-04-02", "04-02 12:00 CEST"}, // today, until now
		{"@every 12h UTC", "2026-04-01T00:00..2026-04-02", "04-01 00:00 UTC, 04-01 12:00 UTC, 04-02 00:00 UTC"},
	}
	for _, tt := range tests {
		s := known(t, tt.spec)
		_, times, err := s.Backfill(tt.span, now)
		var got []string
		for _, at := range times {
			got = append(got, at.Nominal.Format("01-02 15:04 MST"))
		}
		if text := strings.Join(got, ", "); text != tt.want || err != nil {
			t.Errorf("%s in %s:\n got %s, %v\nwant %s", tt.spec, tt.span, text, err, tt.want)
		}
	}
}

func TestSpanRefused(t *testing.T) {
	now := time.Date(2026, 4, 2, 10, 30, 0, 0, time.UTC)
	s := known(t, "* * * * * Europe/Berlin")
	for span, want := range map[string]string{
		"":                                   `"" is no time from..to; write it like 2026-03-01..2026-03-05`,
		"2026-03-01":                         "is no time from..to",
		"yesterday..2026-03-01":              `"yesterday" is neither a day nor a time; write it like 2026-03-01 or 2026-03-01T02:00, by the clocks of Europe/Berlin`,
		"2026-03-01..02:00":                  `"02:00" is neither a day nor a time`,
		"2026-02-30..2026-03-01":             `"2026-02-30" is neither a day nor a time`,
		"2026-03-02..2026-03-01":             "a backfill goes forward, and 2026-03-01 23:59 is before 2026-03-02 00:00",
		"2026-04-01..2026-04-03":             "a backfill is for times that have passed, and 2026-04-03 23:59 is still to come",
		"2026-04-02T00:00..2026-04-02T20:00": "a backfill is for times that have passed, and 2026-04-02 20:00 is still to come",
		"2025-01-01..2025-01-01":             "a backfill reaches back for a year at most, and 2025-01-01 00:00 is longer ago",
		"2026-03-01..2026-03-31":             "schedule w/1 has more than 10000 times from 2026-03-01 00:00 to 2026-03-31 23:59; make several",
	} {
		_, times, err := s.Backfill(span, now)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %d times, %v; want %q", span, len(times), err, want)
		}
	}
	yearly := known(t, "0 0 1 1 * UTC")
	if _, _, err := yearly.Backfill("2026-03-01..2026-03-31", now); err == nil || !strings.Contains(err.Error(), "schedule w/1 has no times from") {
		t.Errorf("a month without times: %v", err)
	}
}

// TestKnownAgain: what a server has told the journal can be read back.
func TestKnownAgain(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		_, stop := w.serve(ctx, of(t, " 0  2 * *  SUN "))
		w.wait(ctx, time.Second)
		stop()
		states, err := w.store.Schedules(ctx)
		if err != nil || len(states) != 1 {
			t.Fatal(states, err)
		}
		s, err := new(Reader).Known(states[0])
		if err != nil || s.ID != "w/1" || s.Workflow != "w" || s.Spec() != "0 2 * * SUN UTC" || s.Zone() != time.UTC {
			t.Errorf("%+v, %v", s, err)
		}
	})
	for _, bad := range []journal.ScheduleState{{ID: "w/1", Spec: "x"}, {ID: "w", Spec: "@daily UTC"}, {ID: "w/1", Spec: "@daily Nowhere"}} {
		if s, err := new(Reader).Known(bad); err == nil {
			t.Errorf("%+v is %+v", bad, s)
		}
	}
}

// FuzzSpan holds that no text makes it panic, and that what it takes has its times in order and within.
func FuzzSpan(f *testing.F) {
	for _, text := range []string{"2026-03-01..2026-03-05", "2026-03-01T02:00..2026-03-01 06:00", "2026-03-29T01:00:00Z..2026-03-29", "..", "0001-01-01..9999-12-31"} {
		f.Add(text)
	}
	now := time.Date(2026, 4, 2, 10, 30, 0, 0, time.UTC)
	s, err := new(Reader).Known(journal.ScheduleState{ID: "w/1", Spec: "7 */3 * * * Europe/Berlin"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, span string) {
		b, times, err := s.Backfill(span, now)
		if err != nil {
			return
		}
		at := b.From.Add(-1)
		for _, time := range times {
			if !time.Nominal.After(at) || time.Nominal.After(b.To) || time.Nominal.After(now) {
				t.Fatalf("%q has %s after %s", span, time.Nominal, at)
			}
			at = time.Nominal
		}
	})
}
