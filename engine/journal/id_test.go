package journal

import (
	"regexp"
	"testing"
	"time"
)

func TestNewID(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)
	form := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{14}$`)
	last := ""
	for i := range 2000 {
		id := NewID(at.Add(time.Duration(i) * 17 * time.Hour))
		if !form.MatchString(id) {
			t.Fatalf("id %q, want 14 letters and digits", id)
		}
		if id <= last {
			t.Fatalf("id %q of a later time does not sort after %q", id, last)
		}
		last = id
	}
	seen := map[string]bool{}
	for range 100 {
		seen[NewID(at)] = true
	}
	if len(seen) < 99 { // two of a hundred agree once in 6,800 times
		t.Errorf("100 ids of the same time are only %d", len(seen))
	}
}
