package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func TestRemoveRuns(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	runs := []line{
		{id: "01kq8w3xk0aaaa", workflow: "reboot", began: now.Add(-100 * day), took: time.Second, status: engine.Succeeded},
		{id: "01kq8w3xk1bbbb", workflow: "rollout", began: now.Add(-95 * day), took: 10 * day, status: engine.Failed}, // ended 85 days ago
		{id: "01kq8w3xk2cccc", workflow: "soak", began: now.Add(-92 * day)},
		{id: "01kq8w3xk3dddd", workflow: "reboot", began: now.Add(-time.Hour), took: time.Second, status: engine.Failed},
	}
	for _, c := range []struct {
		name  string
		args  []string
		flags rmFlags
		left  string // the first letters of the ids' ends
		said  string
		wrong string
	}{
		{"by id", []string{"aaaa", "dddd", "aaaa"}, rmFlags{}, "c b", "removed 2 runs\n", ""},
		{"not ended", []string{"aaaa", "cccc"}, rmFlags{}, "d c b a", "", "run 01kq8w3xk2cccc has not ended, so it is not removed, and no other either; twinbook runs cancel 01kq8w3xk2cccc ends it"},
		{"unknown", []string{"aaaa", "zzzz"}, rmFlags{}, "d c b a", "", "no run has an id"},
		{"older than", nil, rmFlags{olderThan: "90d"}, "d c b", "1 run has not ended and will stay; twinbook runs cancel RUN ends one\nremoved 1 run\n", ""},
		{"of a kind", nil, rmFlags{filterFlags: filterFlags{outcomes: []string{"failed"}}}, "c a", "removed 2 runs\n", ""},
		{"both", nil, rmFlags{olderThan: "1d", filterFlags: filterFlags{workflow: "reboot"}}, "d c b", "removed 1 run\n", ""},
		{"none", nil, rmFlags{olderThan: "1000d"}, "d c b a", "no run is removed\n", ""},
		{"nothing said", nil, rmFlags{}, "d c b a", "", "needs to know which"},
		{"too much said", []string{"aaaa"}, rmFlags{olderThan: "1d"}, "d c b a", "", "takes either"},
		{"no duration", nil, rmFlags{olderThan: "soon"}, "d c b a", "", "--older-than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := journalOf(t, runs...)
			var said bytes.Buffer
			a := &app{env: noEnv, in: strings.NewReader(""), out: io.Discard, err: &said}
			c.flags.yes = true
			err := a.removeRuns(t.Context(), j, c.args, c.flags)
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("error %v, want %q", err, c.wrong)
			}
			if said.String() != c.said {
				t.Errorf("it said %q, want %q", said.String(), c.said)
			}
			left, err := j.Runs(t.Context(), journal.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			ends := []string{}
			for _, run := range left {
				ends = append(ends, run.ID[len(run.ID)-1:])
			}
			if got := strings.Join(ends, " "); got != c.left {
				t.Errorf("%s are left, want %s", got, c.left)
			}
		})
	}
}

func TestNothingIsRemovedUnasked(t *testing.T) {
	j := journalOf(t, line{id: "01kq8w3xk0aaaa", workflow: "reboot", began: at("10:00:00"), status: engine.Succeeded})
	var said bytes.Buffer
	a := &app{env: noEnv, in: strings.NewReader("y\n"), out: io.Discard, err: &said}
	err := a.removeRuns(t.Context(), j, []string{"aaaa"}, rmFlags{})
	const would, why = "  01kq8w3xk0aaaa  reboot  succeeded  began 2026-01-02 10:00\n", "Remove 1 run for good? Nobody can be asked here: --yes says so"
	if err == nil || err.Error() != why || said.String() != would {
		t.Errorf("said %q, error %v, want %q and %s", said.String(), err, would, why)
	}
	if _, err := j.Run(t.Context(), "01kq8w3xk0aaaa"); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}

func TestRemoveAsks(t *testing.T) {
	for answer, want := range map[string]int{"y\n": 0, "yes": 0, "n\n": 1, "": 1, "\n": 1} {
		var said bytes.Buffer
		a := &app{env: noEnv, in: strings.NewReader(answer), out: io.Discard, err: &said}
		err := a.confirmed(t.Context(), "Remove 1 run for good?")
		if exitCode(err) != want || said.String() != "Remove 1 run for good? [y/N] " {
			t.Errorf("answer %q: %v, said %q", answer, err, said.String())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, _ := io.Pipe()
	a := &app{env: noEnv, in: r, out: io.Discard, err: io.Discard}
	if err := a.confirmed(ctx, "?"); err == nil {
		t.Error("a signal while it asked meant yes")
	}
}

// noEnv is an environment with nothing in it.
func noEnv(string) (string, bool) { return "", false }
