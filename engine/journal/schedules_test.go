package journal

import (
	"path/filepath"
	"testing"
	"time"
)

// TestTwoLearnOfASchedule: both have seen that it is not known, and one is later.
func TestTwoLearnOfASchedule(t *testing.T) {
	j, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "journal.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	first := time.Unix(1e9, 0).UTC()
	for i := range 2 {
		k := &knowing{schedules: []ScheduleState{{ID: "s", Spec: "@daily"}}, now: first.Add(time.Duration(i) * time.Hour).UnixNano()}
		if err := j.write(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	if states, err := j.Schedules(t.Context()); err != nil || len(states) != 1 || !states[0].Since.Equal(first) {
		t.Errorf("%+v, %v, want one from %s on", states, err, first)
	}
}
