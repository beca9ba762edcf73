package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func memoryFile(t testing.TB) *journal.SQLite {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
}

// someRuns are three runs that have ended, one with a child, and one that has not.
func someRuns(t *testing.T, j *journal.SQLite) {
	at := time.Date(2026, 3, 1, 2, 30, 0, 5, time.UTC)
	sources := []journal.Source{{File: "a.yaml", Text: []byte("version: 1\n")}, {File: "b.bin", Text: []byte("\xff\x00")}, {File: "c.yaml", Text: []byte{}}}
	for i, id := range []string{"r1", "r2", "c1", "r3", "open"} {
		start := &engine.RunStart{ID: id, Workflow: "w", File: "a.yaml", Hash: "h", Hub: "desk", Inputs: map[string]any{"n": float64(i)}, RetryOf: "old-" + id}
		if id == "c1" {
			start.Parent, start.Key = "r2", "dev-1"
		}
		first := engine.Event{Time: at.Add(time.Duration(i)), Kind: engine.RunStarted, Start: start}
		if _, err := j.Begin(t.Context(), journal.Beginning{Events: []engine.Event{first}, Sources: sources[:i%4]}); err != nil {
			t.Fatal(err)
		}
		for k := range i * 150 {
			e := engine.Event{Time: at, Kind: engine.StepStarted, At: "a#1", Device: fmt.Sprint("dev-", k%3), Params: map[string]any{"x": "<é\u2028>"}}
			if err := j.AppendLater(id, []engine.Event{e, {Time: at, Kind: engine.StepDone, At: "a#1", Error: &engine.Error{Kind: engine.KindFailed}}}, journal.Standing{}); err != nil {
				t.Fatal(err)
			}
		}
		if id != "open" {
			if err := j.Append(t.Context(), id, ended(), journal.Standing{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func exported(t *testing.T, j *journal.SQLite, runs ...string) string {
	t.Helper()
	var b bytes.Buffer
	if err := j.Export(t.Context(), &b, runs...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExportAndImport(t *testing.T) {
	from, to := memoryFile(t), memoryFile(t)
	someRuns(t, from)
	begin(t, to, "r1", journal.Standing{}) // another one of this name
	text := exported(t, from, "r1", "r2", "r3")
	got, err := to.Import(t.Context(), strings.NewReader(text))
	if err != nil || got != (journal.Imported{Runs: 3, Skipped: 1}) {
		t.Fatalf("%+v, %v, want r2, c1 and r3, and r1 skipped", got, err)
	}
	for _, id := range []string{"r2", "c1", "r3"} {
		same(t, from, to, id)
	}
	if events, err := to.Events(t.Context(), "r1", 0); err != nil || len(events) != 2 {
		t.Errorf("the run that was there has %d events, %v, want its 2", len(events), err)
	}
	if counts, err := to.Children(t.Context(), "r2"); err != nil || counts[engine.Succeeded] != 1 || len(counts) != 1 {
		t.Errorf("children %v, %v", counts, err)
	}
	if runs, err := to.Runs(t.Context(), journal.Filter{Device: "dev-2"}); err != nil || len(runs) != 2 {
		t.Errorf("runs of a device: %+v, %v, want r2 and r3", runs, err)
	}
	if again := exported(t, to, "r2", "r3"); again != exported(t, from, "r2", "r3") {
		t.Error("what was imported is exported as something else")
	}
	if got, err := to.Import(t.Context(), strings.NewReader(text)); err != nil || got != (journal.Imported{Skipped: 4}) {
		t.Errorf("again: %+v, %v, want all skipped", got, err)
	}
	if err := to.Remove(t.Context(), "r2", "r3"); err != nil {
		t.Errorf("imported runs cannot be removed: %v", err)
	}
}

// same holds a run in one journal against the same in another.
func same(t *testing.T, a, b *journal.SQLite, id string) {
	t.Helper()
	read := func(j *journal.SQLite) (journal.Run, []engine.Event, []journal.Source) {
		run, err := j.Run(t.Context(), id)
		events, err2 := j.Events(t.Context(), id, 0)
		sources, err3 := j.Sources(t.Context(), id)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		return run, events, sources
	}
	run1, events1, sources1 := read(a)
	run2, events2, sources2 := read(b)
	if run1 != run2 {
		t.Errorf("run %+v, want %+v", run2, run1)
	}
	if !reflect.DeepEqual(events1, events2) {
		t.Errorf("run %s: %d events are not the %d there were", id, len(events2), len(events1))
	}
	if !reflect.DeepEqual(sources1, sources2) {
		t.Errorf("run %s: sources %q, want %q", id, sources2, sources1)
	}
}

// TestExportOfWhatWasAsked: a run that has waited, with what it was told, is in another journal what it was, and holds no place there.
func TestExportOfWhatWasAsked(t *testing.T) {
	from, to := memoryFile(t), memoryFile(t)
	for _, id := range []string{"r1", "r2"} {
		if _, err := from.Begin(t.Context(), asking(id, func(b *journal.Beginning) { b.Slots = []engine.Slot{{Key: "k", Limit: 1}} })); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Unix(1e9, 0)
	told := []engine.Event{
		{Time: at, Kind: engine.RunAdmitted, Request: 1},
		{Time: at, Kind: engine.SignalReceived, By: "me", Signal: &engine.Signal{Name: "go", Payload: map[string]any{"n": 1.0}}},
		{Time: at, Kind: engine.SignalReceived, At: "ok#1", By: "me", Signal: &engine.Signal{Approved: true, Roles: []string{"admin"}}},
	}
	for run, events := range map[string][]engine.Event{"r1": ended(), "r2": append(told, ended()...)} {
		if err := from.Append(t.Context(), run, events, journal.Standing{}); err != nil {
			t.Fatal(err)
		}
	}
	text := exported(t, from, "r2")
	if got, err := to.Import(t.Context(), strings.NewReader(text)); err != nil || got.Runs != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	same(t, from, to, "r2")
	events, err := to.Events(t.Context(), "r2", 0)
	if err != nil || !events[0].Start.Queued || events[2].Signal.Name != "go" || !events[3].Signal.Approved {
		t.Errorf("events %+v, %v", events, err)
	}
	if queued, err := to.Begin(t.Context(), asking("r3", func(b *journal.Beginning) { b.Slots = []engine.Slot{{Key: "k", Limit: 1}} })); queued || err != nil {
		t.Errorf("another one waits for it: %v, %v", queued, err)
	}
	for old, new := range map[string]string{`"signal":{"name":"go"`: `"value":{"name":"go"`, `"kind":"signalReceived"`: `"kind":"timerFired"`} {
		_, err := memoryFile(t).Import(t.Context(), strings.NewReader(strings.Replace(text, old, new, 1)))
		wantWords(t, err, "line ", "run r2", "has a signal")
	}
}

func TestExportRefuses(t *testing.T) {
	j := memoryFile(t)
	someRuns(t, j)
	var b bytes.Buffer
	err := j.Export(t.Context(), &b, "r1", "open")
	wantWords(t, err, "run open", "two journals must never drive the same run")
	if !errors.Is(err, journal.ErrUnfinished) || b.Len() > 0 {
		t.Errorf("%v, %d bytes written", err, b.Len())
	}
	if err := j.Export(t.Context(), &b, "nobody"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}

// TestExportOfWhatIsWhole: runs that are damaged, here by their events, their workflow and their place in the chain, do not keep
// the others from being exported. A child run is one of them.
func TestExportOfWhatIsWhole(t *testing.T) {
	j, to := memoryFile(t), memoryFile(t)
	someRuns(t, j)
	begin(t, j, "source", journal.Standing{})
	if err := j.Append(t.Context(), "source", ended(), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	raw(t, j.File(),
		"UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'succeeded', 'suceeeded') AS BLOB) WHERE run = (SELECT key FROM runs WHERE id = 'c1')",
		"DELETE FROM events WHERE seq = 1 AND run = (SELECT key FROM runs WHERE id = 'r3')",
		"UPDATE sources SET text = x'00' WHERE text = CAST('version: 1' || char(10) || 'workflow: reboot' || char(10) AS BLOB)",
	).Close()
	var b bytes.Buffer
	n, damaged, err := j.ExportWhole(t.Context(), &b, "r1", "r2", "r3", "source", "removed")
	if err != nil || n != 2 || len(damaged) != 3 {
		t.Fatalf("%d written, %q left out, %v, want r1 and r2; c1, r3 and source", n, damaged, err)
	}
	for i, id := range []string{"c1", "r3", "source"} {
		wantWords(t, damaged[i], "run "+id, "not as it was written")
	}
	if got, err := to.Import(t.Context(), &b); err != nil || got.Runs != 2 {
		t.Errorf("%+v, %v, want the 2", got, err)
	}
	same(t, j, to, "r2")
	if err := j.Export(t.Context(), &b, "r1", "r3"); err == nil {
		t.Error("a damaged run that was named was exported without an error")
	}
}

func TestImportRefuses(t *testing.T) {
	from := memoryFile(t)
	someRuns(t, from)
	lines := strings.SplitAfter(exported(t, from, "r1", "r2"), "\n")
	// 1 version, 2 run r1, 3 RunStarted, 4 RunEnded, 5 source, 6 run r2, 7 RunStarted, 8 to 307, 308 RunEnded, 309 and so on c1
	if !strings.Contains(lines[4], `"source"`) || !strings.Contains(lines[5], `"r2"`) {
		t.Fatalf("lines %q", lines[:8])
	}
	edit := func(line int, text string) []string {
		changed := slices.Clone(lines)
		changed[line-1] = text
		return changed
	}
	swap := func(line int, old, new string) []string {
		if !strings.Contains(lines[line-1], old) {
			t.Fatalf("line %d has no %s: %s", line, old, lines[line-1])
		}
		return edit(line, strings.Replace(lines[line-1], old, new, 1))
	}
	for name, c := range map[string]struct {
		lines []string
		words []string
		runs  int
	}{
		"no JSON":                  {edit(9, "{\n"), []string{"line 9", "no line of an export"}, 1},
		"unknown field":            {edit(9, `{"evnt":{}}`+"\n"), []string{"line 9", "evnt"}, 1},
		"two values":               {edit(9, "{} {}\n"), []string{"line 9", "follows"}, 1},
		"nothing":                  {edit(9, "{}\n"), []string{"line 9", "neither"}, 1},
		"no version":               {lines[1:], []string{"line 1", `{"twinbookRuns":1}`}, 0},
		"a blank line, no version": {append([]string{"\n"}, lines[1:]...), []string{"line 2", `{"twinbookRuns":1}`}, 0},
		"other version behind":     {append(slices.Clone(lines[:308]), `{"twinbookRuns":2}`+"\n"), []string{"line 309", `{"twinbookRuns":1}`}, 2},
		"a brace":                  {edit(9, strings.TrimSpace(lines[8])+"}\n"), []string{"line 9", "follows"}, 1},
		"no id":                    {edit(6, strings.Replace(lines[5], `"r2"`, `""`, 1)), []string{"line 6", "no id"}, 1},
		"a flag":                   {edit(6, strings.Replace(lines[5], `"r2"`, `"--all"`, 1)), []string{"line 6", `"--all" is no id`}, 1},
		"a terminal's id":          {edit(6, strings.Replace(lines[5], `"r2"`, `"r\u001b[2J"`, 1)), []string{"line 6", `"r\x1b[2J" is no id`}, 1},
		"a big id":                 {edit(6, strings.Replace(lines[5], `"r2"`, `"R2"`, 1)), []string{"line 6", "no id"}, 1},
		"retried oddly":            {swap(7, `"retryOf":"old-r2"`, `"retryOf":"o l d"`), []string{"line 7", "no id"}, 1},
		"no status":                {swap(308, `"status":"succeeded"`, `"status":""`), []string{"line 308", `no run ends as ""`}, 1},
		"an odd status":            {swap(308, `"succeeded"`, `"\u001b]0;x"`), []string{"line 308", "no run ends as"}, 1},
		"an odd error":             {swap(9, `"kind":"failed"`, `"kind":"\u001b[31mfailed"`), []string{"line 9", "no kind of error"}, 1},
		"a long line":              {edit(9, strings.Repeat(" ", 8<<20)+lines[8]), []string{"line 9", "longer than 8 MiB"}, 1},
		"other version":            {edit(1, `{"twinbookRuns":2}`+"\n"), []string{"line 1"}, 0},
		"a gap":                    {append(slices.Clone(lines[:8]), lines[9:]...), []string{"line 9", "run r2", "event 4 stands where 3 should be"}, 1},
		"doubled":                  {edit(9, lines[7]), []string{"line 9", "run r2"}, 1},
		"unfinished":               {lines[:20], []string{"line 20", "run r2", "the run has not ended", "RunEnded", "two journals"}, 1},
		"unfinished, more":         {append(slices.Clone(lines[:20]), lines[1]), []string{"line 21", "run r2", "the run has not ended"}, 1},
		"no beginning":             {append(slices.Clone(lines[:6]), lines[7]), []string{"line 7", "run r2"}, 1},
		"another's events":         {edit(7, strings.Replace(lines[6], `"id":"r2"`, `"id":"r9"`, 1)), []string{"line 7", "run r9"}, 1},
		"no run":                   {append([]string{lines[0]}, lines[2:]...), []string{"line 2", "belongs to no run"}, 0},
		"no source":                {append(slices.Clone(lines[:4]), lines[5:]...), []string{"line 5", "run r2", "a.yaml"}, 1},
		"another text":             {swap(5, "version", "Version"), []string{"line 5", "hash"}, 1},
		"unknown kind":             {swap(9, `"kind":"`, `"kind":"x`), []string{"line 9", "run r2", "xstepDone"}, 1},
		"beyond all clocks":        {swap(7, `"time":"2026`, `"time":"0026`), []string{"line 7", "run r2"}, 1},
		"an end without":           {swap(308, `,"end":{"status":"succeeded"}`, ""), []string{"line 308", "RunEnded"}, 1},
		"ended again":              {append(slices.Clone(lines[:308]), lines[307]), []string{"line 309", "belongs to no run"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			to := memoryFile(t)
			got, err := to.Import(t.Context(), strings.NewReader(strings.Join(c.lines, "")))
			wantWords(t, err, c.words...)
			runs, listErr := to.Runs(t.Context(), journal.Filter{})
			if got.Runs != c.runs || len(runs) != c.runs || listErr != nil {
				t.Errorf("%d imported, %d listed, %v, want the %d before", got.Runs, len(runs), listErr, c.runs)
			}
			if got, err := to.Import(t.Context(), strings.NewReader(strings.Join(lines, ""))); err != nil || got.Runs != 3-c.runs {
				t.Errorf("the whole afterwards: %+v, %v", got, err)
			}
		})
	}
}

// TestImportOfSeveral: exports may follow each other, as cat has them.
func TestImportOfSeveral(t *testing.T) {
	from, to := memoryFile(t), memoryFile(t)
	someRuns(t, from)
	got, err := to.Import(t.Context(), strings.NewReader(exported(t, from, "r1")+exported(t, from, "r2")+exported(t, from, "r1")))
	if err != nil || got != (journal.Imported{Runs: 3, Skipped: 1}) {
		t.Errorf("%+v, %v, want r1, r2 and c1, and r1 skipped", got, err)
	}
}

// TestImportOfPartsAlone: a run whose parent is not there is listed like any other one, also if it says that it is its own.
func TestImportOfPartsAlone(t *testing.T) {
	from, to := memoryFile(t), memoryFile(t)
	someRuns(t, from)
	part := exported(t, from, "c1")
	own := strings.ReplaceAll(strings.ReplaceAll(part, `"id":"c1"`, `"id":"own"`), `"parent":"r2"`, `"parent":"own"`)
	if got, err := to.Import(t.Context(), strings.NewReader(part+own)); err != nil || got.Runs != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	runs, err := to.Runs(t.Context(), journal.Filter{})
	if err != nil || len(runs) != 2 {
		t.Errorf("%+v, %v, want both", runs, err)
	}
	if err := to.Remove(t.Context(), "c1", "own"); err != nil {
		t.Error(err)
	}
}

// TestImportOfDamage changes exports at random: each is imported whole or refused with the line, and never half. A
// fuzzer that measures coverage is of no use here: it would measure all of SQLite.
func TestImportOfDamage(t *testing.T) {
	from, to := memoryFile(t), memoryFile(t)
	begin(t, from, "r1", journal.Standing{})
	if err := from.Append(t.Context(), "r1", ended(), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	text, chance := []byte(exported(t, from, "r1")), rand.New(rand.NewPCG(3, 3))
	for range 300 {
		damaged := damage(chance, text)
		got, err := to.Import(t.Context(), bytes.NewReader(damaged))
		if err != nil && !strings.Contains(err.Error(), "line ") {
			t.Errorf("error %q names no line", err)
		}
		runs, listErr := to.Runs(t.Context(), journal.Filter{})
		if listErr != nil || len(runs) > got.Runs { // a child run is in no list but its parent's
			t.Fatalf("%d runs, %v, of %+v from\n%s", len(runs), listErr, got, damaged)
		}
		for _, run := range runs {
			if events, err := to.Events(t.Context(), run.ID, 0); err != nil || events[len(events)-1].Kind != engine.RunEnded {
				t.Errorf("run %s of\n%s: %v", run.ID, damaged, err)
			}
			if err := to.Remove(t.Context(), run.ID); err != nil {
				t.Error(err)
			}
		}
	}
}

// damage is a text with some bytes changed, left out or doubled.
func damage(chance *rand.Rand, text []byte) []byte {
	at := chance.IntN(len(text))
	upTo := min(at+chance.IntN(40), len(text))
	switch chance.IntN(3) {
	case 0:
		changed := bytes.Clone(text)
		const others = "0123456789{}[]\":,-\n\xff\x00"
		changed[at] = others[chance.IntN(len(others))]
		return changed
	case 1:
		return slices.Concat(text[:at], text[upTo:])
	}
	return slices.Concat(text[:upTo], text[at:])
}
