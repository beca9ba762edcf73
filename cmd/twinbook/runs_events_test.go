package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func TestEventsOfARun(t *testing.T) {
	j, run := recorded(t, rebootSource, time.Hour, rebooting(7*time.Second))
	var out bytes.Buffer
	a := &app{out: &out, err: io.Discard, outScreen: &out}
	if err := a.printEvents(t.Context(), j, run, "text", false); err != nil {
		t.Fatal(err)
	}
	golden(t, "events", out.String())
	events, err := j.Events(t.Context(), run.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := a.printEvents(t.Context(), j, run, "jsonl", false); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(&out)
	for i, want := range events {
		var got engine.Event
		if err := lines.Decode(&got); err != nil || got.Seq != want.Seq || got.At != want.At || !got.Time.Equal(want.Time) {
			t.Errorf("line %d: %+v, %v, want %+v", i, got, err, want)
		}
	}
	if lines.More() {
		t.Error("there are more lines than events")
	}
}

func TestEventsAreFollowedToTheEnd(t *testing.T) {
	j := journalOf(t, line{id: "01kq8w3xkabcde", workflow: "w", began: at("10:00:00")})
	run, err := j.Run(t.Context(), "01kq8w3xkabcde")
	if err != nil {
		t.Fatal(err)
	}
	read, write := io.Pipe()
	a := &app{out: write, err: io.Discard, outScreen: write}
	done := make(chan error, 1)
	go func() { done <- a.printEvents(t.Context(), j, run, "text", true) }()
	lines := make([]byte, 1000)
	for _, e := range []engine.Event{
		{Time: at("10:00:01"), Kind: engine.PauseRequested, By: "me@desk", Reason: "lunch"},
		{Time: at("10:00:02"), Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Succeeded}},
	} {
		if _, err := read.Read(lines); err != nil { // the one before has been printed
			t.Fatal(err)
		}
		if err := j.Append(t.Context(), run.ID, []engine.Event{e}, journal.Standing{}); err != nil {
			t.Fatal(err)
		}
	}
	n, err := read.Read(lines)
	if want := "   3  2026-01-02T10:00:02.000Z  runEnded         succeeded\n"; err != nil || string(lines[:n]) != want {
		t.Errorf("%q, %v, want %q", lines[:n], err, want)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFollowingEndsOnASignal(t *testing.T) {
	j := journalOf(t, line{id: "01kq8w3xkabcde", workflow: "w", began: at("10:00:00")})
	run, err := j.Run(t.Context(), "01kq8w3xkabcde")
	if err != nil {
		t.Fatal(err)
	}
	run.Driver = "" // nobody will go on with it
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(interrupted{})
	var out, said bytes.Buffer
	a := &app{out: &out, err: &said, outScreen: &out}
	if err := a.printEvents(ctx, j, run, "jsonl", true); exitCode(err) != 130 {
		t.Errorf("%v is exit code %d, want 130", err, exitCode(err))
	}
	if !strings.Contains(said.String(), "twinbook runs resume 01kq8w3xkabcde") {
		t.Errorf("it said %q", said.String())
	}
}
