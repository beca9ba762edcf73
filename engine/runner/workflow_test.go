package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// files are a workflow that uses most of the language, and one that it calls.
var files = map[string]string{
	"main.yaml": `
version: 1
workflow: main
inputs:
  rounds: { type: integer, default: 2 }
vars:
  seen: none
timeout: 1h
steps:
- id: first
  write: one
- id: again
  repeat:
    until: index + 1 >= inputs.rounds
    every: 10s
    max: 5
    steps:
    - set: { seen: "${{ vars.seen + steps.first.value }}" }
    - id: look
      read: "${{ index }}"
- id: all
  forEach:
    in: '[vars.seen, steps.first.value]'
    concurrency: 2
    failFast: false
    steps:
    - id: each
      write: "${{ item }} ${{ index }}"
    - if: index == 1
      read: broken
  continueOnError: true
- steps:
  - id: broken
    read: broken
    retry: { attempts: 2, delay: 30s, jitter: none, on: [rejected] }
  catch:
  - log: "caught ${{ error.kind }}"
  finally:
  - sleep: 2m
- id: other
  call: { workflow: called.yaml, inputs: { text: "${{ steps.first.value }}" } }
- assert: steps.other.outputs.length == 7
finally:
- write: tidy
outputs:
  all: ${{ map(steps.all.results, .outcome) }}
  length: ${{ steps.other.outputs.length }}
  broken: ${{ steps.broken.attempts }}
  seen: ${{ vars.seen }}
`,
	"called.yaml": `
version: 1
workflow: called
inputs:
  text: { type: string }
steps:
- sleep: 1s
- id: echo
  write: "${{ inputs.text }}"
outputs:
  length: ${{ len(steps.echo.value) }}
`,
}

// compile makes a program of files, or of what a journal keeps of them.
func compile(t *testing.T, open func(path string) ([]byte, error)) *engine.Program {
	t.Helper()
	source, err := open("main.yaml")
	if err != nil {
		t.Fatal(err)
	}
	types := engine.NewTypes(repeatable, read, engine.Sleep, engine.Set, engine.Log, engine.Assert)
	p, problems := engine.Compile("main.yaml", source, engine.Options{Types: types, Read: open})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// echo answers with what it is told, after a second.
func echo(c clock.Clock) func(context.Context, engine.RunStart, engine.Command, func(string)) (any, error) {
	return func(ctx context.Context, _ engine.RunStart, cmd engine.Command, _ func(string)) (any, error) {
		if err := clock.Sleep(ctx, c, time.Second); err != nil {
			return nil, err
		}
		if cmd.Params["text"] == "broken" {
			return nil, &engine.Error{Kind: engine.KindRejected, Message: "no"}
		}
		return map[string]any{"value": fmt.Sprint("<", cmd.Params["text"], ">")}, nil
	}
}

// TestResumeFromTheSourcesThatTheJournalKeeps cuts a run of a whole workflow after every event and
// resumes it, in the form in which events and sources come back from a disk.
func TestResumeFromTheSourcesThatTheJournalKeeps(t *testing.T) {
	bothWays(t, resumeFromTheSourcesThatTheJournalKeeps)
}

func resumeFromTheSourcesThatTheJournalKeeps(t *testing.T, park bool) {
	kept := journal.NewMemory()
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		p := compile(t, func(path string) ([]byte, error) { return []byte(files[path]), nil })
		h, err := New(Config{Clock: c, Journal: kept, Do: echo(c)}).Start(ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := h.Wait(ctx)
		if err != nil || outcome.Status != engine.Succeeded {
			t.Fatalf("outcome %+v %v, %v", outcome, outcome.Error, err)
		}
	})
	whole := eventsOf(t, kept, "r1")
	if s := fmt.Sprint(whole[len(whole)-1].End.Outputs); s != "map[all:[succeeded failed] broken:2 length:7 seen:none<one><one>]" {
		t.Fatalf("outputs %s\n%s", s, story(whole))
	}
	sources, err := kept.Sources(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut <= len(whole); cut++ {
		j := journal.NewMemory()
		events := fromDisk(t, whole[:cut])
		if _, err := j.Begin(t.Context(), beginning(events[0], sources)); err != nil {
			t.Fatal(err)
		}
		if err := j.Append(t.Context(), "r1", events[1:], journal.Standing{}); err != nil {
			t.Fatal(err)
		}
		virtual(t, events[cut-1].Time.Add(3*time.Second), func(ctx context.Context, c *clock.Loop) {
			r := New(Config{Clock: c, Journal: j, Do: echo(c), Park: park, Program: func(sources []journal.Source) (*engine.Program, error) {
				return compile(t, func(path string) ([]byte, error) { return textOf(sources, path) }), nil
			}})
			h, err := r.Resume(ctx, "r1")
			if err != nil {
				t.Fatal(err)
			}
			h.Wait(ctx)
		})
		if got, want := timeless(facts(eventsOf(t, j, "r1"))), timeless(facts(whole)); got != want {
			t.Fatalf("cut after %d of %d:\n%s\nwant\n%s", cut, len(whole), got, want)
		}
	}
}

func fromDisk(t *testing.T, events []engine.Event) []engine.Event {
	t.Helper()
	text, err := json.Marshal(events)
	var back []engine.Event
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func textOf(sources []journal.Source, path string) ([]byte, error) {
	i := slices.IndexFunc(sources, func(s journal.Source) bool { return s.File == path })
	if i < 0 {
		return nil, fmt.Errorf("the journal does not keep %s", path)
	}
	return sources[i].Text, nil
}

var clockTimes = regexp.MustCompile(`2026-03-01T[0-9:.]+Z`)

// timeless is text without the times in it: a resumed run takes longer.
func timeless(text string) string { return clockTimes.ReplaceAllString(text, "TIME") }
