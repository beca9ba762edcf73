package fault

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Faults that are right, in the text form as it is printed.
var good = []string{
	"device=gw-7 method=reboot latency=2s chance=10% count=3",
	"id=slow profile=sensor latency=50ms jitter=20ms",
	"device=gw-* on=twin,results loss=0.5%",
	"loss=100%",
	"device=a?b duplicate=5% from=10s for=1h30m",
	"refuse=unauthorized after=2 count=1",
	"on=rest refuse=unavailable chance=50%",
	"device=gw-7 disconnect",
	"method=reboot on=answers disconnect count=1",
	"jitter=10m disconnectEvery=1h",
	"offline chance=10% from=1m until=7d",
	"halfOpen count=1",
	"bytesPerSecond=1000",
	"methodFailure=2% status=404103",
	"on=rest throttle=5s count=3",
	"clockSkew=-10m",
	"clockSkew=1d2h500ms",
	"loseMethods chance=33.333333%",
}

func TestForms(t *testing.T) {
	for _, text := range good {
		f, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.String(); got != text {
			t.Errorf("printed %q, want %q", got, text)
		}
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var again Fault
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, f) {
			t.Errorf("%s: read back as %+v, %v", b, again, err)
		}
	}
}

func TestJSON(t *testing.T) {
	f := Fault{Device: "gw-7", Method: "m", On: []On{Calls, Answers}, Latency: 2 * time.Second, Chance: 0.1, Count: 3}
	b, err := json.Marshal(f)
	if want := `{"device":"gw-7","method":"m","on":["calls","answers"],"latency":"2s","chance":"10%","count":3}`; err != nil || string(b) != want {
		t.Errorf("%s, %v; want %s", b, err, want)
	}
	for text, says := range map[string]string{
		`[]`:                              "a fault is an object",
		`null`:                            "a fault is an object",
		`{"latncy": "2s"}`:                "there is no key \"latncy\"",
		`{"Latency": "2s"}`:               "write latency",
		`{"latency": 2}`:                  "write one like 500ms",
		`{"latency": ["2s"]}`:             "latency: [\"2s\"] cannot stand here",
		`{"loss": 0.05}`:                  "write 5%",
		`{"count": "3"}`:                  "count: \"3\" cannot stand here",
		`{"count": 1.5}`:                  "whole number",
		`{"offline": "true"}`:             "cannot stand here",
		`{"offline": 1}`:                  "neither true nor false",
		`{"device": 7}`:                   "cannot stand here",
		`{"device": null}`:                "cannot stand here",
		`{"on": "calls", "on": "calls"}`:  "given twice",
		`{"on": [1]}`:                     "cannot stand here",
		`{"on": ["calls", "thing"]}`:      "\"thing\" is nothing",
		`{"loss": "5%"`:                   "unexpected end",
		`{"device": {"a": {"b": "c d"}}}`: "cannot stand here",
	} {
		var f Fault
		if err := json.Unmarshal([]byte(text), &f); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	if err := new(Fault).UnmarshalJSON([]byte(`{} {}`)); err == nil {
		t.Error("two objects are one fault")
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string][2]string{
		"":                              {"", "it does not say what goes wrong; add one of latency loss"},
		"device=gw-7":                   {"", "does not say what goes wrong"},
		"latency=2s loss=1%":            {"loss", "another one for loss beside latency"},
		"latency=2s latency=3s":         {"latency", "given twice"},
		"latency":                       {"latency", "write its value after it"},
		"latency=2":                     {"latency", "write one like 500ms"},
		"latency=0s":                    {"latency", "no time that passes"},
		"latency=-2s":                   {"latency", "no time that passes"},
		"latency=99999d99999999h":       {"latency", "longer than"},
		"speed=2s":                      {"", "there is no key \"speed\"; there are id device"},
		"halfopen":                      {"", "write halfOpen"},
		"offline=yes":                   {"offline", "neither true nor false"},
		"offline=false":                 {"", "does not say what goes wrong"},
		"loss=0%":                       {"loss", "no share"},
		"loss=101%":                     {"loss", "no share"},
		"loss=0.25":                     {"loss", "write 25%"},
		"loss=NaN%":                     {"loss", "no share"},
		"loss=5% chance=10%":            {"chance", "leave chance out"},
		"refuse=maybe":                  {"refuse", "write unavailable or unauthorized"},
		"refuse=unavailable method=x":   {"method", "leave method out"},
		"latency=2s count=0":            {"count", "whole number from 1"},
		"latency=2s device=":            {"device", "no name"},
		"latency=2s on=calls,rests":     {"on", "there are connects telemetry"},
		"duplicate=5% on=twin":          {"on", "cannot be on twin, but on telemetry messages"},
		"latency=2s method=m on=twin":   {"on", "calls and answers only"},
		"offline on=connects":           {"on", "leave on out"},
		"offline count=2":               {"count", "from, until or for"},
		"offline after=2":               {"after", "from, until or for"},
		"latency=2s from=1m until=30s":  {"until", "before it begins"},
		"latency=2s for=1m until=30s":   {"for", "either until or for"},
		"loss=5% jitter=1s":             {"jitter", "leave jitter out"},
		"latency=1s jitter=2s":          {"jitter", "longer than latency"},
		"latency=1s status=500":         {"status", "leave status out"},
		"methodFailure=5% status=0":     {"status", "whole number"},
		"disconnectEvery=1ms":           {"disconnectEvery", "100ms at least"},
		"throttle=1500ms":               {"throttle", "whole seconds"},
		"throttle=2h":                   {"throttle", "1s to 1h"},
		"clockSkew=0s":                  {"clockSkew", "no difference"},
		"latency=2s id=a/b":             {"id", "no id of a fault"},
		"latency=2s device=a profile=b": {"profile", "either device or profile"},
		strings.Repeat("x", 5000):       {"", "at most 4096"},
	} {
		_, err := Parse(text)
		var m *Mistake
		if !errors.As(err, &m) || m.Key != want[0] || !strings.Contains(m.Says, want[1]) {
			t.Errorf("%.60s: %#v, want %q", text, err, want)
		}
	}
	for _, f := range []Fault{
		{Latency: -1}, {Loss: -0.5}, {Loss: 2}, {BytesPerSecond: -1}, {Offline: true, Device: "a b"}, {Refuse: "no"},
		{Latency: 1, On: []On{AtOnce}}, {Latency: 1, Count: -1},
	} {
		if f.Validate() == nil {
			t.Errorf("%+v is valid", f)
		}
	}
}

func TestSplit(t *testing.T) {
	f := Fault{Profile: "sensor", Latency: time.Second, Jitter: time.Second, Loss: 0.01, MethodFailure: 0.02, Status: 504, DisconnectEvery: time.Hour}
	var got []string
	for _, part := range f.Split() {
		if err := part.Validate(); err != nil {
			t.Errorf("%s: %v", part, err)
		}
		got = append(got, part.String())
	}
	want := "profile=sensor latency=1s jitter=1s|profile=sensor loss=1%|profile=sensor disconnectEvery=1h|profile=sensor methodFailure=2% status=504"
	if strings.Join(got, "|") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if (Fault{Device: "d"}).Split() != nil {
		t.Error("nothing goes wrong, and is split")
	}
}

// What Parse takes it prints so that it reads the same again.
func FuzzParse(f *testing.F) {
	for _, text := range good {
		f.Add(text)
	}
	f.Add("latency=2s =x offline= on=,")
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := Parse(text)
		if err != nil {
			if err.Error() == "" || len(err.Error()) > 2000 {
				t.Errorf("%q: %d bytes of error", text, len(err.Error()))
			}
			return
		}
		again, err := Parse(fault.String())
		if err != nil || !reflect.DeepEqual(again, fault) {
			t.Errorf("%q is printed %q and read %+v, %v", text, fault, again, err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"device":"gw-7","on":["calls"],"latency":"2s","chance":"10%","count":3}`))
	f.Add([]byte(`{"loss":5,"offline":[],"x":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var fault Fault
		if fault.UnmarshalJSON(text) != nil || fault.Validate() != nil {
			return
		}
		b, err := json.Marshal(fault)
		if err != nil {
			t.Fatal(err)
		}
		var again Fault
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, fault) {
			t.Errorf("%q is printed %s and read %+v, %v", text, b, again, err)
		}
	})
}
