package runner

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// tell sends run r1 a signal, or where name is empty an answer to the approve at an address.
func (y *yard) tell(at engine.Address, s engine.Signal, reason string) {
	y.t.Helper()
	q := journal.Request{Run: "r1", Kind: engine.SignalReceived, At: at, Signal: &s, Reason: reason, By: "ann@desk", Time: y.clock.Now()}
	if err := y.journal.Ask(y.ctx, q); err != nil {
		y.t.Fatal(err)
	}
	y.pass(0)
}

func TestARunThatWaitsForASignalLeavesMemory(t *testing.T) {
	p := program(do("wait", engine.WaitForSignal, text(literal("parts")), timeout("3h")), do("a", once))
	y := inYard(t, p, nil, func(y *yard) {
		h := y.begin(p)
		if s := y.standing("r1"); s != (journal.Standing{Parked: true, Wake: start.Add(3 * time.Hour)}) {
			t.Errorf("standing %+v", s)
		}
		y.pass(time.Hour)
		y.tell("", engine.Signal{Name: "others", Payload: 1.0}, "")
		y.isParked()
		y.tell("", engine.Signal{Name: "parts", Payload: map[string]any{"n": 3.0}}, "")
		y.ends(h, engine.Succeeded)
		if left := y.wishes(); len(left) > 0 {
			t.Errorf("unanswered: %+v", left)
		}
		if passed := y.clock.Now().Sub(start); passed != time.Hour {
			t.Errorf("it took %v", passed)
		}
	})
	events := eventsOf(t, y.journal, "r1")
	want := lines("runStarted", "signalReceived", "signalReceived", "stepStarted a#1", "stepDone a#1", "runEnded succeeded")
	if s := story(events); s != want {
		t.Fatalf("events:\n%s\nwant:\n%s", s, want)
	}
	if e := events[2]; e.By != "ann@desk" || e.Signal.Name != "parts" || fmt.Sprint(e.Signal.Payload) != "map[n:3]" || e.Request == 0 {
		t.Errorf("event %+v", e)
	}
	if s := lines(y.updates...); strings.Count(s, "signalReceived") != 2 {
		t.Errorf("people were told:\n%s", s)
	}
}

func TestASignalThatNobodySendsIsATimeout(t *testing.T) {
	p := program(do("wait", engine.WaitForSignal, text(literal("parts")), timeout("3h")))
	inYard(t, p, nil, func(y *yard) {
		o := y.ends(y.begin(p), engine.Failed)
		if passed := y.clock.Now().Sub(start); passed != 3*time.Hour || o.Error.Kind != engine.KindTimeout {
			t.Errorf("after %v: %v", passed, o.Error)
		}
	})
}

// TestASignalThatComesEarlyIsKept: while the run does something else, while it is queued, and for another process.
func TestASignalThatComesEarlyIsKept(t *testing.T) {
	p := locked(program(do("a", once), sleep("nap", "1h"), do("wait", engine.WaitForSignal, text(literal("parts")), timeout("3h"))), 1, engine.Queue)
	inYard(t, p, nil, func(y *yard) {
		before := y.startAs(p, "r0", Admission{})
		h := y.startAs(p, "r1", Admission{})
		y.tell("", engine.Signal{Name: "parts"}, "")
		y.rests("r1")
		before.Cancel("")
		y.ends(h, engine.Succeeded)
		if passed := y.clock.Now().Sub(start); passed.Round(time.Second) != time.Hour {
			t.Errorf("it took %v", passed)
		}
	})
}

func TestApprovals(t *testing.T) {
	for name, c := range map[string]struct {
		signal engine.Signal
		reason string
		want   engine.Status
		says   string
	}{
		"Yes": {engine.Signal{Approved: true, Roles: []string{"operator"}}, "", engine.Succeeded, ""},
		"No":  {engine.Signal{Roles: []string{"admin"}}, "not on Friday", engine.Failed, "rejected by ann@desk: not on Friday"},
	} {
		t.Run(name, func(t *testing.T) {
			p := program(do("go", engine.Approve, text(literal("Go?")), timeout("1d")), do("a", once))
			y := inYard(t, p, nil, func(y *yard) {
				h := y.begin(p)
				want := journal.Standing{Parked: true, Approval: true, Wake: start.Add(24 * time.Hour)}
				if s := y.standing("r1"); s != want {
					t.Errorf("standing %+v", s)
				}
				y.tell("go", engine.Signal{Approved: true, Roles: []string{"viewer"}}, "")
				if s := y.standing("r1"); s != want {
					t.Errorf("after the answer of a viewer: standing %+v", s)
				}
				y.tell("go", c.signal, c.reason)
				if o := y.ends(h, c.want); o.Error != nil && (o.Error.Kind != engine.KindRejected || o.Error.Message != c.says) {
					t.Errorf("error %v", o.Error)
				}
			})
			if s := lines(y.updates...); strings.Count(s, "ignored") != 1 || strings.Count(s, "signalReceived") != 2 {
				t.Errorf("people were told:\n%s", s)
			}
			if s := y.standing("r1"); s.Approval {
				t.Errorf("at the end: standing %+v", s)
			}
		})
	}
}

// TestAnApproveBesideWorkIsKnown: a run that does something else meanwhile waits for somebody all the same.
func TestAnApproveBesideWorkIsKnown(t *testing.T) {
	p := program(parallel("p", []*engine.Step{do("go", engine.Approve, text(literal("Go?")))}, []*engine.Step{do("a", once), do("b", once)}))
	w := world{"a": func(ctx context.Context, _ engine.Command) (any, error) {
		return nil, clock.Sleep(ctx, ctx.Value(clockKey{}).(clock.Clock), time.Minute)
	}}
	inYard(t, p, w, func(y *yard) {
		h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		y.pass(time.Second)
		if s := y.standing("r1"); s != (journal.Standing{Approval: true}) {
			t.Errorf("standing %+v", s)
		}
		y.pass(time.Hour)
		y.isParked()
		if s := y.standing("r1"); s != (journal.Standing{Parked: true, Approval: true}) {
			t.Errorf("later: standing %+v", s)
		}
		y.tell("p/b0/go", engine.Signal{Approved: true, Roles: []string{"admin"}}, "")
		y.ends(h, engine.Succeeded)
	})
}

// TestAWaitForAnAnswerOutlivesItsProcess: it is not read again before somebody answers, and the answer given while no
// process was there counts.
func TestAWaitForAnAnswerOutlivesItsProcess(t *testing.T) {
	p := program(do("go", engine.Approve, text(literal("Go?")), timeout("7d")), do("a", once))
	waits := journal.Standing{Parked: true, Approval: true, Wake: start.Add(7 * 24 * time.Hour)}
	j := leftBehind(t, p, map[string]journal.Standing{"r1": waits, "r2": waits}, []string{"r1", "r2"})
	q := journal.Request{Run: "r1", Kind: engine.SignalReceived, At: "go", Signal: &engine.Signal{Approved: true, Roles: []string{"admin"}}, By: "ann", Time: start}
	if err := j.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	virtual(t, start.Add(24*time.Hour), func(ctx context.Context, c *clock.Loop) {
		spied := &spied{Journal: j, appended: func([]engine.Event, journal.Standing) {}, read: func(run string) {
			if run != "r1" && c.Now().Sub(start) < 7*24*time.Hour {
				t.Errorf("run %s is read at %v", run, c.Now())
			}
		}}
		r := New(Config{Clock: c, Journal: spied, Do: world{}.do, Program: always(p), Park: true})
		handles, err := r.Recover(ctx)
		if err != nil || len(handles) != 2 {
			t.Fatalf("%d runs taken up, %v", len(handles), err)
		}
		for _, h := range handles {
			o, err := h.Wait(ctx)
			if want := map[string]engine.Status{"r1": engine.Succeeded, "r2": engine.Failed}[h.ID()]; err != nil || o.Status != want {
				t.Errorf("run %s: %+v, %v", h.ID(), o, err)
			}
		}
		empty(t, r)
	})
}
