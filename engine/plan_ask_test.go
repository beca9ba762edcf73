package engine

import (
	"math/rand/v2"
	"testing"
	"time"
)

// happens is what comes next in a run: its turn, what somebody says, or what the world answers.
func (d *driver) happens(run *Run) []Event {
	d.answered = nil
	asks := run.Asks()
	switch {
	case run.Queued() && d.r.IntN(3) == 0:
		return []Event{{Kind: RunAdmitted}}
	case run.Queued():
		return []Event{d.signal()}
	case len(asks) > 0 && d.r.IntN(2) == 0:
		return []Event{d.tell(asks[d.r.IntN(len(asks))])}
	}
	batch := d.next()
	if batch == nil && len(asks) > 0 {
		return []Event{d.tell(asks[0])}
	}
	for batch != nil && d.r.IntN(5) == 0 {
		batch = append(batch, d.signal())
	}
	return batch
}

// signal is one that somebody may wait for, or not. In a calm world all of a name are alike, since who comes
// first takes the first.
func (d *driver) signal() Event {
	name := signalNames[d.r.IntN(len(signalNames))]
	e := Event{Kind: SignalReceived, By: "anna", Signal: &Signal{Name: name, Payload: name}}
	if !d.calm {
		e.Signal.Payload = float64(d.r.IntN(100))
	}
	return e
}

// tell answers an ask; in a calm world the answer follows from its address, and in a good one it is yes.
func (d *driver) tell(ask Ask) Event {
	if ask.Signal != "" {
		e := d.signal()
		e.Signal.Name, e.Signal.Payload = ask.Signal, ask.Signal
		return e
	}
	e := Event{Kind: SignalReceived, At: ask.At, By: "bert", Signal: &Signal{Approved: true, Roles: []string{"operator"}}}
	if d.r.IntN(8) == 0 {
		e.Signal.Roles = []string{"viewer"}
	}
	world := d.r
	if d.calm {
		world = rand.New(rand.NewPCG(uint64(len(ask.At)), uint64(ask.At[0])))
	}
	e.Signal.Approved = d.good || world.IntN(3) > 0
	if d.r.IntN(2) == 0 {
		e.At = ask.At.Step()
	}
	return e
}

// TestSignalsThatNobodyHasNumbered come at the same time, in whatever order: each wait takes the same one.
func TestSignalsThatNobodyHasNumbered(t *testing.T) {
	program := mustProgram(t, `version: 1
workflow: w
timeout: 1h
steps:
  - { id: a, waitForSignal: go }
  - { id: b, waitForSignal: go }
  - { id: c, approve: Go on with it }
outputs: { told: "${{ steps.a.by }} ${{ toJSON(steps.a.payload) }} ${{ steps.b.by }} ${{ steps.c.by }}" }
`)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	news := []Event{
		{Kind: RunStarted, Start: &RunStart{ID: "r", Inputs: map[string]any{}}},
		{Kind: SignalReceived, By: "bert", Signal: &Signal{Name: "go", Payload: map[string]any{"x": 1.0, "y": 2.0}}},
		{Kind: SignalReceived, By: "anna", Signal: &Signal{Name: "go", Payload: "late"}},
		{Kind: SignalReceived, By: "anna", Signal: &Signal{Name: "go", Payload: "early"}},
		{Kind: SignalReceived, By: "carl", At: "c", Signal: &Signal{Approved: true, Roles: []string{"operator"}}},
	}
	for i := range news {
		news[i].Time = now
	}
	const want = `anna "early" anna carl`
	for seed := range 50 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		r.Shuffle(len(news), func(a, b int) { news[a], news[b] = news[b], news[a] })
		run := NewRun(program)
		if d := run.Next(news...); d.End == nil || d.End.Outputs["told"] != want {
			t.Fatalf("seed %d: it came to %+v, want told %q", seed, d, want)
		}
	}
}

// TestSignalsThatNobodyWaitsForAreBounded sends more than a run keeps.
func TestSignalsThatNobodyWaitsForAreBounded(t *testing.T) {
	run := NewRun(mustProgram(t, "version: 1\nworkflow: w\nsteps: [ { read: {} } ]\n"))
	run.Next(Event{Kind: RunStarted, Start: &RunStart{ID: "r"}})
	ignored := 0
	for i := range mostSignals + 3 {
		for _, n := range run.Next(Event{Seq: int64(i) + 2, Kind: SignalReceived, Signal: &Signal{Name: "n"}}).Notes {
			if n.Kind == NoteIgnored {
				ignored++
			}
		}
	}
	if ignored != 3 {
		t.Errorf("%d signals were ignored, want 3", ignored)
	}
}

// TestStrangeSignals have no signal, come before the run or after its end, or answer what asks for something else.
func TestStrangeSignals(t *testing.T) {
	program := mustProgram(t, "version: 1\nworkflow: w\ntimeout: 1h\nsteps: [ { id: a, waitForSignal: go }, { id: b, approve: x } ]\n")
	run := NewRun(program)
	strange := []Event{
		{Kind: SignalReceived, Signal: &Signal{Name: "go"}}, {Kind: SignalReceived}, {Kind: RunAdmitted},
		{Kind: SignalReceived, At: "a", Signal: &Signal{Approved: true, Roles: []string{"admin"}}},
		{Kind: SignalReceived, At: "a#1", Signal: &Signal{Roles: []string{"admin"}}},
		{Kind: StepDone, At: "a#1", Value: map[string]any{"by": "nobody"}}, {Kind: TimerFired, At: "a#1"},
	}
	for i := range strange {
		run.Next(strange[i])
	}
	run.Next(Event{Kind: RunStarted, Start: &RunStart{ID: "r"}})
	for i := range strange[1:] {
		run.Next(strange[i+1])
	}
	if asks := run.Asks(); len(asks) != 1 || asks[0].Signal != "go" {
		t.Fatalf("it asks %v, want the signal go", asks)
	}
	run.Next(Event{Kind: SignalReceived, Signal: &Signal{Name: "go"}})
	end := run.Next(Event{Kind: SignalReceived, At: "b", Signal: &Signal{Roles: []string{"admin"}}}).End
	if end == nil || end.Error.Kind != KindRejected || end.Error.Message != "rejected by somebody" {
		t.Errorf("it ended %+v, want rejected", end)
	}
	for i := range strange {
		if d := run.Next(strange[i]); d.End != nil || len(d.Commands) > 0 {
			t.Errorf("after its end: %+v", d)
		}
	}
}

func TestMayAnswer(t *testing.T) {
	tests := []struct {
		needed, has []string
		want        bool
	}{
		{[]string{"operator"}, []string{"operator"}, true},
		{[]string{"operator"}, []string{"viewer"}, false},
		{[]string{"viewer"}, []string{"operator"}, true},
		{[]string{"shiftLead"}, []string{"operator"}, false},
		{[]string{"shiftLead"}, []string{"admin"}, true},
		{[]string{"admin"}, []string{"operator"}, false},
		{[]string{"a", "b"}, []string{"x", "b"}, true},
		{[]string{"operator"}, nil, false},
	}
	for _, tt := range tests {
		if got := MayAnswer(tt.needed, tt.has); got != tt.want {
			t.Errorf("MayAnswer(%v, %v) = %v, want %v", tt.needed, tt.has, got, tt.want)
		}
	}
}

// TestAnyEvents feeds random programs what no driver would say: events of every kind, about what is under way and what
// is not. They come to something, whatever it is, and a run that is over stays so.
func TestAnyEvents(t *testing.T) {
	kinds := []EventKind{RunStarted, StepStarted, StepDone, TimerFired, CancelRequested, PauseRequested, ResumeRequested, RunAdmitted, SignalReceived, SignalReceived, RunEnded}
	for seed := range 200 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		run, ended := NewRun(mustProgram(t, randomProgram(r))), false
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for range 150 {
			places := []Address{"", "nowhere#1", "s1#1!timeout"}
			for _, c := range run.Outstanding() {
				places = append(places, c.At, c.At.Step())
			}
			for _, ask := range run.Asks() {
				places = append(places, ask.At, ask.At.Step())
			}
			e := Event{Time: now.Add(time.Duration(r.IntN(100)) * time.Second), Kind: kinds[r.IntN(len(kinds))], At: places[r.IntN(len(places))], Kept: r.IntN(10) == 0}
			if e.Kind == CancelRequested && r.IntN(5) > 0 {
				e.Kind = StepDone
			}
			if e.Kind == RunStarted && r.IntN(4) > 0 {
				e.Start = &RunStart{ID: "r", Queued: r.IntN(2) == 0}
			}
			if e.Kind == SignalReceived && r.IntN(8) > 0 {
				e.Signal = &Signal{Name: []string{"", "left", "right"}[r.IntN(3)], Approved: r.IntN(2) == 0, Roles: []string{"admin"}[:r.IntN(2)]}
			}
			if e.Kind == StepDone && r.IntN(2) == 0 {
				e.Error = &Error{Kind: KindOffline}
			}
			d := run.Next(e)
			if ended && (d.End != nil || len(d.Commands) > 0) {
				t.Fatalf("seed %d: after its end %v came to %+v", seed, e, d)
			}
			if ended = ended || d.End != nil; ended && len(run.Outstanding())+len(run.Asks()) > 0 {
				t.Fatalf("seed %d: it has ended, and waits for %v and %v", seed, run.Outstanding(), run.Asks())
			}
		}
	}
}
