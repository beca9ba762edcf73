// Package journaltest is the exam that every journal passes.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// A Journal is one with all that a server asks of it, beside what drives runs.
type Journal interface {
	journal.Journal

	Holders(ctx context.Context, run string) ([]journal.Holding, error)
	Counts(ctx context.Context) (journal.Counts, error)
	Orphans(ctx context.Context) (int, error)

	Mark(ctx context.Context, m journal.Mark) error
	Unmark(ctx context.Context, scope string, names ...string) error
	Marks(ctx context.Context, scope string) iter.Seq2[journal.Mark, error]
	LatestMark(ctx context.Context, scope string) (journal.Mark, error)

	KnowSchedules(ctx context.Context, now time.Time, list []journal.ScheduleState) error
	Schedules(ctx context.Context) ([]journal.ScheduleState, error)
	Dealt(ctx context.Context, id string, until time.Time) error
	PauseSchedule(ctx context.Context, id string, paused bool, by string, now time.Time) error
	AskBackfill(ctx context.Context, id string, b journal.Backfill) (journal.Backfill, error)
	EndBackfill(ctx context.Context, id int64) error
	ListenSchedules(f func()) (stop func())

	Audit(e journal.AuditEntry)
	AuditTrail(ctx context.Context, f journal.AuditFilter) ([]journal.AuditEntry, error)
}

// Exercise is the exam; open gives an empty journal, which lasts as long as the test.
func Exercise(t *testing.T, open func(t *testing.T) Journal) {
	for name, exam := range map[string]func(*testing.T, Journal){
		"QueuedRunWaits":             queuedRunWaits,
		"TurnsComeInOrder":           turnsComeInOrder,
		"FullSlotRejects":            fullSlotRejects,
		"ReplaceMakesRoom":           replaceMakesRoom,
		"ReplaceClearsTheLine":       replaceClearsTheLine,
		"LimitsDiffer":               limitsDiffer,
		"SeveralSlots":               severalSlots,
		"LaterSlotRejects":           laterSlotRejects,
		"ALaterSlotReplaces":         aLaterSlotReplaces,
		"ARunHasAPlaceOnce":          aRunHasAPlaceOnce,
		"QueuedRunsEnd":              queuedRunsEnd,
		"RunsThatEndAtOnce":          runsThatEndAtOnce,
		"SlotsOutliveEverythingElse": slotsOutliveEverythingElse,
		"ApprovalsAreFound":          approvalsAreFound,
		"RunsAreCounted":             runsAreCounted,
		"SignalsAreHeard":            signalsAreHeard,
		"MarksAreSetOnce":            marksAreSetOnce,
		"MarksWithoutRuns":           marksWithoutRuns,
		"MarksAreOver":               marksAreOver,
		"MarksAreSetOnceAtOnce":      marksAreSetOnceAtOnce,
		"SchedulesAreKnown":          schedulesAreKnown,
		"SchedulesMoveOn":            schedulesMoveOn,
		"BackfillsAreKept":           backfillsAreKept,
		"ChangesOfSchedulesAreHeard": changesOfSchedulesAreHeard,
		"AuditIsKept":                auditIsKept,
		"AuditComesFirst":            auditComesFirst,
	} {
		t.Run(name, func(t *testing.T) { exam(t, open(t)) })
	}
	for name, exam := range map[string]func(*testing.T, journal.Journal){
		"BeginKeepsTheRun":           beginKeepsTheRun,
		"BeginRefusesTakenID":        beginRefusesTakenID,
		"BeginRefusesOtherEvents":    beginRefusesOtherEvents,
		"SourcesAreKept":             sourcesAreKept,
		"AppendNumbers":              appendNumbers,
		"AppendKeepsEverything":      appendKeepsEverything,
		"AppendKeepsItsOwnCopy":      appendKeepsItsOwnCopy,
		"AppendIsAllOrNothing":       appendIsAllOrNothing,
		"NothingFollowsTheEnd":       nothingFollowsTheEnd,
		"EndedContextKeepsNothing":   endedContextKeepsNothing,
		"UnknownRunIsNotFound":       unknownRunIsNotFound,
		"ListsAreNeverNil":           listsAreNeverNil,
		"RunsAreListedLatestFirst":   runsAreListedLatestFirst,
		"RunsAreFiltered":            runsAreFiltered,
		"RunsComeInPages":            runsComeInPages,
		"IDsCanBeShort":              idsCanBeShort,
		"StandingIsKept":             standingIsKept,
		"LaterComesBeforeTheNext":    laterComesBeforeWhatFollows,
		"LaterAndTheLast":            laterAndTheLast,
		"WhateverItStandsFor":        whateverItStandsFor,
		"NothingWaitsForLater":       nothingWaitsForLater,
		"LaterIsKeptSoon":            laterIsKeptSoon,
		"LaterIsNotLostUnnoticed":    laterCannotBeLostUnnoticed,
		"SightsAreReplaced":          sightsAreReplaced,
		"ChildrenAreCounted":         childrenAreCounted,
		"RemoveForgets":              removeForgets,
		"ClaimIsForOwnRunsToo":       claimIsForOwnRunsToo,
		"AdoptGivesTheUnfinished":    adoptGivesTheUnfinished,
		"RequestsAreHeard":           requestsAreHeard,
		"RequestsAreRefused":         requestsAreRefused,
		"RunsAreFoundByEitherEnd":    runsAreFoundByEitherEnd,
		"RunsKnowTheirOnlyDevice":    runsKnowTheirOnlyDevice,
		"RetriesAreFound":            retriesAreFound,
		"ARunIsRetriedOnce":          runIsRetriedOnce,
		"WishesAreKeptUntilAnswered": wishesAreKept,
		"ManyRunsAppendAtOnce":       manyRunsAppend,
		"ManyAppendToOneRun":         manyAppendToOneRun,
		"ReadersSeeWholeAppendsOnly": readersSeeWholeAppends,
	} {
		t.Run(name, func(t *testing.T) { exam(t, open(t)) })
	}
}

var start = time.Date(2026, 3, 1, 2, 30, 0, 123456789, time.UTC)

// begun is the first event of a run.
func begun(id string) engine.Event {
	return engine.Event{Time: start, Kind: engine.RunStarted, Start: &engine.RunStart{
		ID: id, Workflow: "reboot", File: "reboot.yaml", Hash: "abc", Hub: "desk", Inputs: map[string]any{},
	}}
}

func beginning(started engine.Event, sources ...journal.Source) journal.Beginning {
	return journal.Beginning{Events: []engine.Event{started}, Sources: sources}
}

func done(at string) engine.Event {
	return engine.Event{Time: start.Add(time.Second), Kind: engine.StepDone, At: engine.Address(at)}
}

func ended() engine.Event {
	return engine.Event{Time: start.Add(time.Minute), Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Failed}}
}

func begin(t *testing.T, j journal.Journal, id string) {
	t.Helper()
	if _, err := j.Begin(t.Context(), beginning(begun(id))); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, j journal.Journal, run string, events ...engine.Event) {
	t.Helper()
	if err := j.Append(t.Context(), run, events, journal.Standing{}); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, j journal.Journal, run string, after int64) []engine.Event {
	t.Helper()
	events, err := j.Events(t.Context(), run, after)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func beginKeepsTheRun(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	events := read(t, j, "r1", 0)
	if len(events) != 1 || events[0].Seq != 1 || events[0].Start == nil || events[0].Start.ID != "r1" {
		t.Fatalf("events %+v, want RunStarted with number 1", events)
	}
	want := journal.Run{ID: "r1", Workflow: "reboot", File: "reboot.yaml", Hash: "abc", Hub: "desk", Started: start}
	got := line(t, j, "r1")
	if want.Program, want.Driver = got.Program, got.Driver; got != want || got.Program == "" || got.Driver == "" {
		t.Errorf("run %+v, want %+v", got, want)
	}
	add(t, j, "r1", done("a"), ended())
	want.Ended, want.Status, want.Driver = start.Add(time.Minute), engine.Failed, ""
	if got := line(t, j, "r1"); got != want {
		t.Errorf("after its end: run %+v, want %+v", got, want)
	}
}

// line is a run's line, which Run and Runs must agree on.
func line(t *testing.T, j journal.Journal, id string) journal.Run {
	t.Helper()
	run, err := j.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := j.Runs(t.Context(), journal.Filter{})
	if err != nil || !slices.Contains(runs, run) {
		t.Errorf("Runs gives %+v, %v, but Run %+v", runs, err, run)
	}
	return run
}

func beginRefusesTakenID(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	add(t, j, "r1", done("a"))
	if _, err := j.Begin(t.Context(), beginning(begun("r1"))); !errors.Is(err, journal.ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
	if n := len(read(t, j, "r1", 0)); n != 2 {
		t.Errorf("%d events afterwards, want the 2 of the first", n)
	}
}

func beginRefusesOtherEvents(t *testing.T, j journal.Journal) {
	noID := begun("")
	for _, e := range []engine.Event{done("a"), {Kind: engine.RunStarted}, noID} {
		if _, err := j.Begin(t.Context(), beginning(e)); err == nil {
			t.Errorf("a run began with %+v", e)
		}
	}
	if runs, err := j.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 0 {
		t.Errorf("runs %+v, %v, want none", runs, err)
	}
}

func sourcesAreKept(t *testing.T, j journal.Journal) {
	want := []journal.Source{{File: "b.yaml", Text: []byte("version: 1\n")}, {File: "a.yaml", Text: []byte("\xff\x00")}, {File: "c.yaml", Text: []byte("version: 1\n")}, {File: "empty.yaml"}}
	for _, id := range []string{"r1", "r2"} {
		if _, err := j.Begin(t.Context(), beginning(begun(id), want...)); err != nil {
			t.Fatal(err)
		}
	}
	want[0].Text[0] = 'V' // the caller's own affair
	for _, id := range []string{"r1", "r2"} {
		got, err := j.Sources(t.Context(), id)
		if err != nil || len(got) != 4 || got[0].File != "b.yaml" || string(got[0].Text) != "version: 1\n" || string(got[1].Text) != "\xff\x00" || got[2].File != "c.yaml" || got[3].Text == nil || len(got[3].Text) != 0 {
			t.Errorf("%s: sources %q, %v", id, got, err)
		}
	}
}

func unknownRunIsNotFound(t *testing.T, j journal.Journal) {
	ctx := t.Context()
	_, events := j.Events(ctx, "nobody", 0)
	_, run := j.Run(ctx, "nobody")
	_, sources := j.Sources(ctx, "nobody")
	for name, err := range map[string]error{
		"Append": j.Append(ctx, "nobody", []engine.Event{done("a")}, journal.Standing{}), "Events": events, "Run": run, "Sources": sources,
	} {
		if !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
}

func listsAreNeverNil(t *testing.T, j journal.Journal) {
	if runs, err := j.Runs(t.Context(), journal.Filter{}); err != nil || runs == nil {
		t.Errorf("no runs: %v, %v, want an empty list", runs, err)
	}
	begin(t, j, "r1")
	if events := read(t, j, "r1", 1); events == nil {
		t.Error("no events: nil, want an empty list")
	}
	if sources, err := j.Sources(t.Context(), "r1"); err != nil || sources == nil {
		t.Errorf("no sources: %v, %v, want an empty list", sources, err)
	}
}

func runsAreListedLatestFirst(t *testing.T, j journal.Journal) {
	for i := range 3 {
		e := begun(fmt.Sprint("r", i))
		e.Time = start.Add(time.Duration(i) * time.Second)
		if _, err := j.Begin(t.Context(), beginning(e)); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := j.Runs(t.Context(), journal.Filter{})
	if err != nil || len(runs) != 3 || runs[0].ID != "r2" || runs[1].ID != "r1" || runs[2].ID != "r0" {
		t.Errorf("runs %+v, %v, want r2 r1 r0", runs, err)
	}
}
