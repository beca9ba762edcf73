package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// What people do to runs at a terminal stands in the same trail as what they ask of a server.
func TestAuditOfTheCommandLine(t *testing.T) {
	open, run := recorded(t, "version: 1\nworkflow: nap\ntimeout: 3h\nsteps:\n  - waitForSignal: go\n", time.Hour, nil)
	a := &app{err: io.Discard, out: io.Discard, env: func(name string) (string, bool) { return "anna", name == "USER" }}
	k := control{app: a, config: &configuration{}, format: "text", journal: open}
	run.Driver = "" // nobody hears of it now
	for _, kind := range []engine.EventKind{engine.PauseRequested, engine.ResumeRequested, engine.CancelRequested} {
		if err := a.ask(t.Context(), open, run.ID, kind, "why"); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []message{{signal: engine.Signal{Name: "go"}}, {at: "ok", signal: engine.Signal{Approved: true}}, {at: "no"}} {
		if err := k.send(t.Context(), run, m); err != nil {
			t.Fatal(err)
		}
	}
	trail, err := open.Journal.(*journal.Memory).AuditTrail(t.Context(), journal.AuditFilter{Target: run.ID})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range trail {
		if !strings.HasPrefix(e.Who, "anna@") || e.Result != "done" {
			t.Errorf("%+v", e)
		}
		got = append(got, e.Action)
	}
	want := "runs.reject runs.approve runs.signal runs.cancel runs.resume runs.pause"
	if strings.Join(got, " ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, " "), want)
	}
}
