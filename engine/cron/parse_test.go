package cron

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestParseRefuses what the library would take for something else, panic at, or not explain.
func TestParseRefuses(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "empty; write minute, hour"},
		{" \t", "empty; write minute, hour"},
		{"@", "no such word; write one of @yearly"},
		{"@fortnightly", "no such word; write one of @yearly"},
		{"@reboot", "write a time, such as @daily"},
		{"@daily 5", "@daily stands alone"},
		{"TZ=", "zone; write the zone as timezone:"},
		{"TZ=0", "zone; write the zone as timezone:"},
		{"CRON_TZ=Europe/Berlin", "zone; write the zone as timezone:"},
		{"TZ=Europe/Berlin 0 2 * * *", "zone; write the zone as timezone:"},
		{"5", "1 field instead of five"},
		{"* * * *", "4 fields instead of five"},
		{"0 30 2 * * *", "none for seconds or years"},
		{"* * * * * * *", "7 fields instead of five"},
		{"1,2,,3 * * * *", `in minute "1,2,,3": an item of the list is empty; write a value after each comma`},
		{", * * * *", "an item of the list is empty"},
		{"1, * * * *", "an item of the list is empty"},
		{"*,5 * * * *", "a list has * in it"},
		{"*/61 * * * *", `the step 61 leads beyond 59, so that only 0 is left; write 0`},
		{"*/60 * * * *", "the step 60 leads beyond 59"},
		{"* */24 * * *", "the step 24 leads beyond 23"},
		{"10-20/15 * * * *", "the step 15 leads beyond 20, so that only 10 is left; write 10"},
		{"*/0 * * * *", "the step is 0; write at least 1"},
		{"*/ * * * *", `the step "" is no number`},
		{"*/-5 * * * *", "is no number"},
		{"*/+5 * * * *", "is no number"},
		{"*/5/2 * * * *", "is no number"},
		{"*-5 * * * *", `"*" is no value`},
		{"5* * * * *", `"5*" is no value; write * or values from 0 to 59`},
		{"5- * * * *", "a value is missing"},
		{"-5 * * * *", "a value is missing"},
		{"1-5-7 * * * *", `"5-7" is no value`},
		{"+5 * * * *", `"+5" is no value`},
		{"60 * * * *", "there is no minute 60; write one from 0 to 59"},
		{"0 24 * * *", "there is no hour 24; write 0, which is midnight"},
		{"0 0 0 * *", "there is no day of month 0; write one from 1 to 31"},
		{"0 0 32 * *", "there is no day of month 32"},
		{"0 0 1 13 *", "there is no month 13"},
		{"0 0 1 0 *", "there is no month 0"},
		{"0 0 * * 8", "there is no day of week 8; write one from 0 to 7"},
		{"0 22-2 * * *", "the range 22-2 goes backwards; write 22-23,0-2"},
		{"0 0 * * FRI-MON", "the range FRI-MON goes backwards; write FRI-SAT,SUN-MON"},
		{"0 0 1 NOV-FEB *", "the range NOV-FEB goes backwards; write NOV-DEC,JAN-FEB"},
		{"0 0 * * 5-1", "the range 5-1 goes backwards; write 5-6,0-1"},
		{"0 0 L * *", `in day of month "L": L, for the last`},
		{"0 0 L * *", "L, for the last, is not known here; write days that each month has"},
		{"0 0 * * 5L", "L, for the last, is not known here"},
		{"0 0 15W * *", "W, for the nearest working day, is not known here; write MON-FRI in day of week"},
		{"0 0 LW * *", "W, for the nearest working day"},
		{"0 0 * * 5#3", "#, for one of a month's weeks"},
		{"H * * * *", "H, for a value by chance, is not known here; write a value, and jitter:"},
		{"H/15 * * * *", "H, for a value by chance"},
		{"H(0-29) * * * *", "H, for a value by chance"},
		{"? * * * *", "? stands for a day alone; write *"},
		{"0 0 * January *", `"January" is not known; write JAN`},
		{"0 0 * * Monday", `"Monday" is not known; write MON`},
		{"0 MON * * *", `"MON" is no value; write * or values from 0 to 23`},
		{"0 0 30 2 *", "none of its months has such a day"},
		{"0 0 31 2,4,6,9,11 *", "none of its months has such a day"},
		{"99999999999999999999 * * * *", "is no value"},
		{"@every", "@every needs one duration"},
		{"@every 1h 30m", "@every needs one duration, without spaces in it; write"},
		{"@every 5", "the duration cannot be read; write a duration of whole seconds"},
		{"@every -5s", "the duration cannot be read"},
		{"@every 0s", "shorter than a second"},
		{"@every 100ms", "shorter than a second"},
		{"@every 1.5s", "it has parts of a second"},
		{"@every 99999999h", "the duration cannot be read"},
		{strings.Repeat("1,", 300) + "1 * * * *", "it is longer than 500 characters"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.text)
		var e *Error
		switch {
		case !errors.As(err, &e):
			t.Errorf("Parse(%q): %v; want an *Error with %q", tt.text, err, tt.want)
		case !strings.Contains(err.Error(), tt.want):
			t.Errorf("Parse(%q): %v; want %q in it", tt.text, err, tt.want)
		case e.Instead == "" || e.Text != tt.text:
			t.Errorf("Parse(%q): %+v; want the text, and what to write instead", tt.text, e)
		}
	}
}

// FuzzParse holds that no text makes it panic, and that one that it takes has times that come one after the other, and
// means the same when it is written again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"30 2 * * SUN", "*/15 0-23/2 1,15 JAN-MAR ?", "@daily", "@every 1h30m", "0 0 * * 5-7", "5/20 * * * *", "TZ=0", "@every 7d", "0 0 29 2 *", "0 0 30 2 0",
		"CRON_TZ=", "1,2,,3 * * * *", "*/61 * * * *", "0 0 L * *", "\x00 * * * *", "١ * * * *",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Fault == "" || e.Instead == "" {
				t.Fatalf("Parse(%q): %#v", text, err)
			}
			return
		}
		again, err := Parse(s.String())
		if err != nil {
			t.Fatalf("Parse(%q), which is %q again: %v", s.String(), text, err)
		}
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for range 3 {
			next, ok := s.Next(at, time.UTC)
			other, _ := again.Next(at, time.UTC)
			if !ok || !next.At.After(at) || !other.At.Equal(next.At) {
				t.Fatalf("%q after %s: %s, %s", text, at, next.At, other.At)
			}
			at = next.At
		}
	})
}
