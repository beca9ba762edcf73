package cron

import (
	"strings"
	"testing"
	"time"
)

// TestDaylightSaving asks for the times on and around days on which a clock is changed, as people see them.
func TestDaylightSaving(t *testing.T) {
	const spring, autumn = "2026-03-28 12:00", "2026-10-24 12:00" // in Berlin: 02:00→03:00 on the 29th, 03:00→02:00 on the 25th
	tests := []struct{ zone, after, spec, want string }{
		{"Europe/Berlin", spring, "30 2 * * *", "03-29 03:00 CEST, 03-30 02:30 CEST"},
		{"Europe/Berlin", spring, "0 2 * * *", "03-29 03:00 CEST, 03-30 02:00 CEST"},
		{"Europe/Berlin", spring, "30 2 * * 0", "03-29 03:00 CEST, 04-05 02:30 CEST"},
		{"Europe/Berlin", spring, "0 2,3 * * *", "03-29 03:00 CEST, 03-30 02:00 CEST, 03-30 03:00 CEST"},
		{"Europe/Berlin", spring, "*/20 2 * * *", "03-29 03:00 CEST, 03-30 02:00 CEST"},
		{"Europe/Berlin", "2026-03-29 00:30", "0 * * * *", "03-29 01:00 CET, 03-29 03:00 CEST, 03-29 04:00 CEST"},
		{"Europe/Berlin", "2026-03-29 01:00", "*/30 * * * *", "03-29 01:30 CET, 03-29 03:00 CEST, 03-29 03:30 CEST"},
		{"Europe/Berlin", "2026-03-29 00:30", "0 */2 * * *", "03-29 03:00 CEST, 03-29 04:00 CEST, 03-29 06:00 CEST"},
		{"Europe/Berlin", "2026-03-28 00:30", "@every 24h", "03-28 01:00 CET, 03-29 01:00 CET, 03-30 02:00 CEST"},
		{"Europe/Berlin", autumn, "30 2 * * *", "10-25 02:30 CEST, 10-26 02:30 CET"},
		{"Europe/Berlin", autumn, "0 2 * * *", "10-25 02:00 CEST, 10-26 02:00 CET"},
		{"Europe/Berlin", autumn, "0 2,3 * * *", "10-25 02:00 CEST, 10-25 03:00 CET, 10-26 02:00 CET"},
		{"Europe/Berlin", "2026-10-25 01:30", "0 * * * *", "10-25 02:00 CEST, 10-25 02:00 CET, 10-25 03:00 CET"},
		{"Europe/Berlin", "2026-10-25 01:30", "*/30 * * * *", "10-25 02:00 CEST, 10-25 02:30 CEST, 10-25 02:00 CET, 10-25 02:30 CET, 10-25 03:00 CET"},
		{"Europe/Berlin", "2026-10-25 00:30", "0 */2 * * *", "10-25 02:00 CEST, 10-25 04:00 CET"},

		// Where midnight does not exist.
		{"America/Sao_Paulo", "2018-11-03 12:00", "0 0 * * *", "11-04 01:00 -02, 11-05 00:00 -02"},
		{"America/Sao_Paulo", "2018-11-03 12:00", "30 0 4 11 *", "11-04 01:00 -02, 11-04 00:30 -03"},
		{"America/Sao_Paulo", "2018-11-03 12:00", "0 0 * * SUN", "11-04 01:00 -02, 11-11 00:00 -02"},
		{"America/Sao_Paulo", "2018-02-16 12:00", "0 0 * * *", "02-17 00:00 -02, 02-18 00:00 -03"}, // 24:00 of the 17th was 23:00
		{"America/Sao_Paulo", "2018-02-16 12:00", "30 23 * * *", "02-16 23:30 -02, 02-17 23:30 -02, 02-18 23:30 -03"},
		{"Asia/Beirut", "2026-03-28 12:00", "0 0 * * *", "03-29 01:00 EEST, 03-30 00:00 EEST"},
		{"Asia/Beirut", "2026-10-24 12:00", "0 0 * * *", "10-25 00:00 EET, 10-26 00:00 EET"},
		{"Africa/Cairo", "2026-04-23 12:00", "0 0 * * *", "04-24 01:00 EEST, 04-25 00:00 EEST"},
		{"Africa/Cairo", "2026-10-29 12:00", "0 0 * * *", "10-30 00:00 EET, 10-31 00:00 EET"}, // 24:00 of the 29th was 23:00

		// Where the clock is put forward and back by half an hour.
		{"Australia/Lord_Howe", "2025-10-04 12:00", "0 0 * * *", "10-05 00:00 +1030, 10-06 00:00 +11"},
		{"Australia/Lord_Howe", "2025-10-04 12:00", "15 2 * * *", "10-05 02:30 +11, 10-06 02:15 +11"},
		{"Australia/Lord_Howe", "2025-10-05 00:30", "0 * * * *", "10-05 01:00 +1030, 10-05 03:00 +11"},
		{"Australia/Lord_Howe", "2026-04-04 12:00", "45 1 * * *", "04-05 01:45 +11, 04-06 01:45 +1030"},
		{"Australia/Lord_Howe", "2026-04-05 01:00", "45 * * * *", "04-05 01:45 +11, 04-05 01:45 +1030, 04-05 02:45 +1030"},

		// Where a whole day was left out, and where the clock is put back for a month.
		{"Pacific/Apia", "2011-12-29 12:00", "0 2 * * *", "12-31 00:00 +14, 12-31 02:00 +14, 01-01 02:00 +14"},
		{"Pacific/Apia", "2011-12-29 12:00", "0 2 * * FRI", "12-31 00:00 +14, 01-06 02:00 +14"},
		{"Africa/Casablanca", "2026-02-14 12:00", "30 2 * * *", "02-15 02:30 +01, 02-16 02:30 +00"},
		{"Africa/Casablanca", "2026-03-21 12:00", "30 2 * * *", "03-22 03:00 +01, 03-23 02:30 +01"},
	}
	for _, tt := range tests {
		t.Run(tt.zone+" "+tt.spec, func(t *testing.T) {
			zone := mustZone(t, tt.zone)
			after, err := time.ParseInLocation("2006-01-02 15:04", tt.after, zone)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range strings.Split(tt.want, ",") {
				next, _ := mustParse(t, tt.spec).Next(after, zone)
				after = next.At
				got = append(got, next.At.Format("01-02 15:04 MST"))
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("%s after %s:\n got %s\nwant %s", tt.spec, tt.after, text, tt.want)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	tests := []struct{ zone, after, spec, want string }{
		{"Europe/Berlin", "2026-03-28T12:00:00Z", "30 2 * * *", "the clock goes from 02:00 to 03:00: 02:30 runs at 03:00"},
		{"Europe/Berlin", "2026-03-28T12:00:00Z", "*/20 2 * * *", "the clock goes from 02:00 to 03:00: 02:00 to 02:40 run at 03:00"},
		{"Europe/Berlin", "2026-03-29T00:30:00Z", "0 * * * *", "the clock goes from 02:00 to 03:00: there is no 02:00"},
		{"Europe/Berlin", "2026-03-29T00:30:00Z", "0 3 * * *", ""},
		{"Europe/Berlin", "2026-03-29T01:00:00Z", "0 * * * *", ""},
		{"Europe/Berlin", "2026-10-24T12:00:00Z", "30 2 * * *", "02:30 comes twice: runs the first time only"},
		{"Europe/Berlin", "2026-10-24T12:00:00Z", "0 3 * * *", ""},
		{"Europe/Berlin", "2026-10-24T23:30:00Z", "0 * * * *", "02:00 comes twice: runs both times"},
		{"Europe/Berlin", "2026-10-25T00:00:00Z", "0 * * * *", "02:00 for the second time"},
		{"Europe/Berlin", "2026-10-25T01:00:00Z", "0 * * * *", ""},
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "0 2 * * *", "the clock goes from 30 December 00:00 to 31 December 00:00: 30 December 02:00 runs at 31 December 00:00"},
		{"UTC", "2026-10-24T12:00:00Z", "30 2 * * *", ""},
		{"Europe/Berlin", "2026-10-25T00:30:00Z", "@every 1h", ""},
	}
	for _, tt := range tests {
		next, _ := mustParse(t, tt.spec).Next(mustTime(t, tt.after), mustZone(t, tt.zone))
		if next.Note != tt.want {
			t.Errorf("%s in %s after %s is %s:\n got %q\nwant %q", tt.spec, tt.zone, tt.after, next.At, next.Note, tt.want)
		}
	}
}

func TestNext(t *testing.T) {
	tests := []struct{ spec, after, want string }{
		{"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"0 0 29 2 MON", "2028-02-01T00:00:00Z", "2028-02-07T00:00:00Z"}, // either will do
		{"0 0 13 * FRI", "2026-10-10T00:00:00Z", "2026-10-13T00:00:00Z"},
		{"0 0 31 * *", "2026-08-31T00:00:00Z", "2026-10-31T00:00:00Z"},
		{"59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"},
		{"* * * * *", "2026-01-01T00:00:59.999Z", "2026-01-01T00:01:00Z"},
		{"* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"},
		{"*/15 9-17/4 1,15 JAN-MAR,dec ?", "2026-01-15T17:45:00Z", "2026-02-01T09:00:00Z"},
		{"5/20 * * * *", "2026-01-01T00:25:00Z", "2026-01-01T00:45:00Z"},
		{"0 0 * * 7", "2026-10-08T00:00:00Z", "2026-10-11T00:00:00Z"},
		{"0 0 * * FRI-SUN", "2026-10-10T00:00:00Z", "2026-10-11T00:00:00Z"},
		{"0 0 * * 6-7", "2026-10-11T00:00:00Z", "2026-10-17T00:00:00Z"},
		{"0 0 * * 1-7/3", "2026-10-12T00:00:00Z", "2026-10-15T00:00:00Z"},
		{"0 0 * * 1-7/3", "2026-10-15T00:00:00Z", "2026-10-18T00:00:00Z"},
		{"@weekly", "2026-10-08T00:00:00Z", "2026-10-11T00:00:00Z"},
		{"@monthly", "2026-10-08T00:00:00Z", "2026-11-01T00:00:00Z"},
		{"@annually", "2026-10-08T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"@every 90m", "2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z"},
		{"@every 90m", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"},
		{"@every 90m", "1969-12-31T22:30:00Z", "1970-01-01T00:00:00Z"},
		{"@every 1s", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z"},
		{"@every 7d", "2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z"}, // both are Thursdays, as 1 January 1970 is
		{"@yearly", "9998-06-01T00:00:00Z", "9999-01-01T00:00:00Z"},
		{"@yearly", "9999-06-01T00:00:00Z", "none"},
		{"0 12 31 12 *", "9999-12-31T12:00:00Z", "none"},
		{"@every 1h", "9999-12-31T23:30:00Z", "none"},
		{"0 0 1 1 *", "0001-06-01T00:00:00Z", "0002-01-01T00:00:00Z"},
	}
	for _, tt := range tests {
		got := "none"
		if next, ok := mustParse(t, tt.spec).Next(mustTime(t, tt.after), time.UTC); ok {
			got = next.At.Format(time.RFC3339)
		}
		if got != tt.want {
			t.Errorf("%s after %s is %s, want %s", tt.spec, tt.after, got, tt.want)
		}
	}
}

// TestNextOfStrangeTimes asks where times and seconds since 1970 have their ends.
func TestNextOfStrangeTimes(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	for _, spec := range []string{"* * * * *", "0 2 29 2 *", "@every 1h"} {
		for _, after := range []time.Time{{}, time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
			if next, ok := mustParse(t, spec).Next(after, berlin); ok && !next.At.After(after) {
				t.Errorf("%s after %s is %s", spec, after, next.At)
			}
		}
	}
}

func TestLast(t *testing.T) {
	tests := []struct {
		spec, after, until string
		n                  int
		want               string
		more               bool
	}{
		{"0 2 * * *", "2026-01-01T00:00:00Z", "2026-01-04T01:00:00Z", 2, "01-02 02:00, 01-03 02:00", true},
		{"0 2 * * *", "2026-01-01T00:00:00Z", "2026-01-04T01:00:00Z", 3, "01-01 02:00, 01-02 02:00, 01-03 02:00", false},
		{"0 2 * * *", "2026-01-01T02:00:00Z", "2026-01-03T02:00:00Z", 9, "01-02 02:00, 01-03 02:00", false}, // after, and until
		{"0 2 * * *", "2026-01-01T02:00:00Z", "2026-01-01T02:00:00Z", 9, "", false},
		{"0 2 * * *", "2026-01-02T02:00:00Z", "2026-01-01T02:00:00Z", 9, "", false},
		{"@yearly", "1900-01-01T00:00:00Z", "2026-10-08T00:00:00Z", 2, "01-01 00:00, 01-01 00:00", true},
		{"* * * * *", "1900-01-01T00:00:00Z", "2026-10-08T00:00:00Z", 2, "10-07 23:59, 10-08 00:00", true},
	}
	for _, tt := range tests {
		times, more := mustParse(t, tt.spec).Last(mustTime(t, tt.after), mustTime(t, tt.until), time.UTC, tt.n)
		var got []string
		for _, t := range times {
			got = append(got, t.At.Format("01-02 15:04"))
		}
		if text := strings.Join(got, ", "); text != tt.want || more != tt.more {
			t.Errorf("the last %d of %s from %s to %s: %s, more %v; want %s, %v", tt.n, tt.spec, tt.after, tt.until, text, more, tt.want, tt.more)
		}
	}
}

func TestZone(t *testing.T) {
	for _, name := range []string{"", "Local", "CEST", "Europe/Nowhere", "../etc/passwd", "/etc/localtime", "+02:00"} {
		if zone, err := Zone(name); err == nil || !strings.Contains(err.Error(), "such as Europe/Berlin") {
			t.Errorf("Zone(%q) = %v, %v; want an error that says what to write", name, zone, err)
		}
	}
}

// BenchmarkNextFar looks for a leap day, the farthest that a time can be.
func BenchmarkNextFar(b *testing.B) {
	s, zone := mustParse(b, "0 2 29 2 *"), mustZone(b, "Europe/Berlin")
	after := mustTime(b, "2096-03-01T00:00:00Z")
	for b.Loop() {
		s.Next(after, zone)
	}
}

func BenchmarkNext(b *testing.B) {
	s, zone := mustParse(b, "30 2 * * SUN"), mustZone(b, "Europe/Berlin")
	after := mustTime(b, "2026-10-08T00:00:00Z")
	for b.Loop() {
		s.Next(after, zone)
	}
}

func mustParse(t testing.TB, text string) *Spec {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func mustTime(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
