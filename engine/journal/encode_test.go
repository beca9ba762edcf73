package journal

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// FuzzEncode holds our own way of writing events against json.Marshal's.
func FuzzEncode(f *testing.F) {
	f.Add("a[3]/b#1", "\x00\"\\\n\u2028é\xff", 1e300, int64(5), true)
	f.Add("", "", -0.1, int64(0), false)
	f.Add("\x7f<&>", "\xed\xa0\x80", math.Copysign(0, -1), int64(-1), true)
	f.Fuzz(func(t *testing.T, at, text string, number float64, request int64, kept bool) {
		if math.IsInf(number, 0) || math.IsNaN(number) {
			return
		}
		value := map[string]any{text: []any{nil, number, text, kept, []any{}, []any(nil), map[string]any{}, map[string]any(nil)}, "int": int(request)}
		want := engine.Event{
			Time: time.Unix(0, request), Kind: engine.EventKind(text), At: engine.Address(at), Params: value, Value: value, Device: text,
			Reason: text, Request: request, By: at, Kept: kept, Start: &engine.RunStart{ID: text, Inputs: value, By: at, Queued: kept},
			Signal: &engine.Signal{Name: text, Payload: value, Approved: kept, Roles: []string{at}},
			Error:  &engine.Error{Message: text, MaybeDone: kept}, End: &engine.Outcome{Status: engine.Status(text), Outputs: value},
		}
		b, err := encodeBlock([]engine.Event{want, {Time: want.Time, Value: number}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.decode()
		if err != nil || len(got) != 2 {
			t.Fatalf("%s: %v", b.body, err)
		}
		got[0].Seq = 0
		if g, w := plain(t, got[0]), plain(t, want); !reflect.DeepEqual(g, w) {
			t.Errorf("got\n%v\nwant\n%v", g, w)
		}
		if got[1].Value != number {
			t.Errorf("%v came back as %v", number, got[1].Value)
		}
	})
}

// plain is an event as it goes through json.Marshal.
func plain(t *testing.T, e engine.Event) any {
	e.Time = e.Time.UTC()
	text, err := json.Marshal(e)
	var value any
	if err == nil {
		err = json.Unmarshal(text, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEncodeRefuses(t *testing.T) {
	for what, e := range map[string]engine.Event{
		"not a number": {Value: math.NaN()}, "infinite": {Value: []any{math.Inf(1)}}, "no JSON": {Params: map[string]any{"f": func() {}}},
		"a year": {Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "deep": {Value: map[string]any{"x": map[string]any{"y": math.NaN()}}},
	} {
		if b, err := encodeBlock([]engine.Event{e}); err == nil {
			t.Errorf("%s was written: %s", what, b.body)
		}
	}
}

func TestDamagedBlocksAreFound(t *testing.T) {
	b, err := encodeBlock([]engine.Event{{Kind: engine.StepDone, At: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.body {
		b.body[i] ^= 1
		if events, err := b.decode(); err == nil {
			t.Errorf("byte %d was changed: %+v", i, events)
		}
		b.body[i] ^= 1
	}
}
