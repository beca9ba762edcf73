package journaltest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func runsAreFoundByEitherEnd(t *testing.T, j journal.Journal) {
	for i, id := range []string{"01kq8w3xkabcde", "01kq8w3xlabcde", "01kq8w3xmxyzzy", "abcde000000000"} {
		first := begun(id)
		first.Time = start.Add(time.Duration(i) * time.Second)
		if _, err := j.Begin(t.Context(), beginning(first)); err != nil {
			t.Fatal(err)
		}
	}
	for short, want := range map[string][]string{
		"xyzzy":                   {"01kq8w3xmxyzzy"},
		"zy":                      {"01kq8w3xmxyzzy"},
		"kabcde":                  {"01kq8w3xkabcde"},
		"01kq8w3xl":               {"01kq8w3xlabcde"},
		"01kq8w3xkabcde":          {"01kq8w3xkabcde"},
		"abcde":                   {"abcde000000000", "01kq8w3xlabcde", "01kq8w3xkabcde"},
		"0":                       {"abcde000000000", "01kq8w3xmxyzzy", "01kq8w3xlabcde", "01kq8w3xkabcde"},
		"8w3":                     {},
		"%":                       {},
		"nothing-as-long-as-this": {},
	} {
		got, err := j.Find(t.Context(), short)
		if err != nil || got == nil || !slices.Equal(got, want) {
			t.Errorf("%q finds %q, %v, want %q", short, got, err, want)
		}
	}
}

func runsKnowTheirOnlyDevice(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	for _, step := range []struct{ device, want string }{{"", ""}, {"dev-1", "dev-1"}, {"dev-1", "dev-1"}, {"", "dev-1"}, {"dev-0", ""}} {
		add(t, j, "r1", engine.Event{Time: start, Kind: engine.StepStarted, At: "a#1", Device: step.device})
		if got := line(t, j, "r1").Device; got != step.want {
			t.Errorf("after %q the device is %q, want %q", step.device, got, step.want)
		}
	}
}

func retriesAreFound(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	for id, of := range map[string]string{"r2": "r1", "r3": "r2", "r4": ""} {
		first := begun(id)
		first.Start.RetryOf = of
		used := engine.Event{Time: start, Kind: engine.StepStarted, At: "a#1", Device: "dev-" + id}
		if _, err := j.Begin(t.Context(), journal.Beginning{Events: []engine.Event{first, used}}); err != nil {
			t.Fatal(err)
		}
	}
	add(t, j, "r3", ended())
	for _, c := range []struct {
		filter journal.Filter
		want   []string
	}{
		{journal.Filter{RetryOf: "r1"}, []string{"r2"}},
		{journal.Filter{RetryOf: "r1", Unfinished: true}, []string{"r2"}},
		{journal.Filter{RetryOf: "r2", Unfinished: true}, nil},
		{journal.Filter{RetryOf: "r2", Device: "dev-r3"}, []string{"r3"}},
		{journal.Filter{RetryOf: "r1", Device: "dev-r4"}, nil},
		{journal.Filter{RetryOf: "r3"}, nil},
	} {
		runs, err := j.Runs(t.Context(), c.filter)
		var got []string
		for _, run := range runs {
			got = append(got, run.ID)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v gives %q, %v, want %q", c.filter, got, err, c.want)
		}
	}
}

func runIsRetriedOnce(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	add(t, j, "r1", ended())
	retry := func(id, of string) error {
		first := begun(id)
		first.Start.RetryOf = of
		_, err := j.Begin(t.Context(), beginning(first))
		return err
	}
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = retry(fmt.Sprint("again", i), "r1") })
	}
	all.Wait()
	the := ""
	for i, err := range errs {
		if err == nil {
			the += fmt.Sprint("again", i)
		}
	}
	for _, err := range errs {
		var retried *journal.RetriedError
		if err != nil && (!errors.As(err, &retried) || *retried != journal.RetriedError{Run: "r1", Retry: the}) {
			t.Errorf("retry beside %s: %v", the, err)
		}
	}
	run, err := j.Run(t.Context(), "r1")
	if err != nil || run.Retry != the {
		t.Errorf("r1 is %+v, %v, and was tried again as %q", run, err, the)
	}
	if runs, err := j.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 2 || runs[0].Retry+runs[1].Retry != the {
		t.Errorf("the list is %+v, %v", runs, err)
	}
	if err := retry("last", the); err != nil {
		t.Errorf("retry of the retry: %v", err)
	}
	add(t, j, "last", ended())
	if err := j.Remove(t.Context(), "last"); err != nil {
		t.Fatal(err)
	}
	if err := retry("last", the); err != nil {
		t.Errorf("retry of a run whose retry was removed: %v", err)
	}
}
