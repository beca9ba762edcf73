package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// contested is a journal in which others may drive runs.
type contested struct {
	journal.Journal
	claim error
}

func (c contested) Claim(ctx context.Context, run string) error {
	if c.claim != nil {
		return c.claim
	}
	return c.Journal.Claim(ctx, run)
}

func (c contested) Run(ctx context.Context, run string) (journal.Run, error) {
	line, err := c.Journal.Run(ctx, run)
	if c.claim != nil {
		line.Driver = "process 4711 on desk"
	}
	return line, err
}

// A run that looked left behind may end, or go on, where it was driven, before this process has it. That is said, and is
// no success.
func TestRunsThatOthersWereFasterWith(t *testing.T) {
	ended, run := recorded(t, "version: 1\nworkflow: bad\nsteps:\n  - fail: broken\n", time.Hour, nil)
	open, under := recorded(t, "version: 1\nworkflow: nap\nsteps:\n  - sleep: 2h\n", time.Hour, nil)
	if run.Status != engine.Failed || under.Status != "" {
		t.Fatalf("runs are %+v and %+v", run, under)
	}
	for _, c := range []struct {
		name  string
		j     openJournal
		run   journal.Run
		claim error
		want  string
	}{
		{"ended", ended, run, nil, "run " + run.ID + " has ended meanwhile: failed\n"},
		{"driven", open, under, journal.ErrDriven, "run " + under.ID + ": process 4711 on desk drives it, and lives"},
	} {
		for _, all := range []bool{true, false} {
			var out strings.Builder
			a := &app{err: &out, out: &out, env: func(string) (string, bool) { return "", false }}
			k := control{app: a, config: &configuration{}, format: "text", all: all}
			k.journal = a.opened(contested{c.j, c.claim}, "j.db", nil)
			p, err := k.stored(t.Context(), c.run, map[string]*engine.Program{})
			if err != nil {
				t.Fatal(err)
			}
			w := &world{clock: clock.Real(), open: map[string]openHub{}}
			failure := k.bring(t.Context(), w, []course{{id: c.run.ID, program: p, hub: "desk", begin: k.resuming}})
			var code coded
			if !errors.As(failure, &code) || code.code != exitFailed || !strings.Contains(out.String()+failure.Error(), c.want) {
				t.Errorf("%s, all %v: error %v, want code 1; said %q, want %q", c.name, all, failure, out.String(), c.want)
			}
		}
	}
}
