package server

import (
	"net/http"
	"testing"
)

// TestRunsAreTracedWithWhoAskedForThem has a caller whose request is a part of a trace, one whose is not, and a server
// that traces nothing.
func TestRunsAreTracedWithWhoAskedForThem(t *testing.T) {
	traced := open(t, option{config: func(c *Config) {
		c.Caller = func(h http.Header) string { return h.Get("Traceparent") }
		c.Trace = func(run string) string { return "the trace of " + run }
	}})
	untraced := open(t, option{})
	hello := map[string]any{"workflow": "hello"}
	for _, c := range []struct {
		r            *rig
		header       string
		caller, mine bool
	}{{traced, "00-abc", true, true}, {traced, "", false, true}, {untraced, "00-abc", false, false}} {
		a := c.r.ask("POST", "/api/v1/runs", hello, "Traceparent", c.header).is(201)
		id := a.run().ID
		if got, want := a.Header.Get("Traceparent"), "the trace of "+id; (got == want) != c.mine {
			t.Errorf("the answer names the trace %q", got)
		}
		events, err := c.r.journal.Events(t.Context(), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		trigger, _ := events[0].Start.Trigger.(map[string]any)
		if caller, known := trigger["traceparent"]; known != c.caller || known && caller != c.header {
			t.Errorf("the run's trigger is %v, for a request with %q", trigger, c.header)
		}
	}
}
