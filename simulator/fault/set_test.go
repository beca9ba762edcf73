package fault

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func setOf(t *testing.T, seed string, faults ...string) *Set {
	t.Helper()
	s := NewSet(seed)
	for _, text := range faults {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(f, []string{"p-1", "p-2"}, start); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func ask(s *Set, on On, device, method string, at time.Duration) Verdict {
	return s.Ask(Occasion{On: on, Device: device, Method: method, Now: start.Add(at)})
}

// Each kind of fault gives its verdict on its occasions and on no others.
func TestVerdicts(t *testing.T) {
	every := slices.Concat(messages, []On{Connects, REST, AtOnce, Aged, Resumed})
	for _, x := range []struct {
		fault string
		on    []On
		want  Verdict
	}{
		{"latency=2s", []On{Telemetry, Twin, Answers, Desired, Messages}, Verdict{Delay: 2 * time.Second}},
		{"latency=2s method=m*", []On{Answers}, Verdict{Delay: 2 * time.Second}},
		{"latency=2s on=rest,connects", []On{REST, Connects}, Verdict{Delay: 2 * time.Second}},
		{"loss=100%", messages, Verdict{Lost: true}},
		{"loss=100% method=m", []On{Calls}, Verdict{Lost: true}},
		{"loss=100% method=m on=answers", []On{Answers}, Verdict{Lost: true}},
		{"duplicate=100%", []On{Telemetry, Messages}, Verdict{Twice: true}},
		{"refuse=unavailable", []On{Connects}, Verdict{Refuse: Unavailable}},
		{"refuse=unauthorized on=rest", []On{REST}, Verdict{Refuse: Unauthorized}},
		{"disconnect", []On{AtOnce}, Verdict{Cut: true}},
		{"disconnect on=twin,connects", []On{Twin, Connects}, Verdict{Cut: true}},
		{"disconnect method=?", []On{Calls}, Verdict{Cut: true}},
		{"disconnectEvery=1h", []On{Aged}, Verdict{Cut: true}},
		{"offline", []On{AtOnce, Connects}, Verdict{Refuse: Unavailable, Cut: true}},
		{"halfOpen", []On{AtOnce, Connects}, Verdict{HalfOpen: "1"}},
		{"bytesPerSecond=10", messages, Verdict{BytesPerSecond: 10}},
		{"methodFailure=100%", []On{Calls}, Verdict{Status: 500}},
		{"methodFailure=100% status=504 method=m", []On{Calls}, Verdict{Status: 504}},
		{"throttle=5s", []On{Twin, REST}, Verdict{RetryAfter: 5 * time.Second}},
		{"clockSkew=5s", nil, Verdict{}},
		{"loseMethods", []On{Resumed}, Verdict{Lose: true}},
		{"method=other methodFailure=100%", nil, Verdict{}},
		{"device=other loss=100%", nil, Verdict{}},
	} {
		s := setOf(t, "", x.fault)
		for _, on := range every {
			want := Verdict{}
			if slices.Contains(x.on, on) {
				want = x.want
				want.By = "1"
			}
			if got := ask(s, on, "d", "m", 0); got != want {
				t.Errorf("%s on %s: %+v, want %+v", x.fault, on, got, want)
			}
		}
		if got := s.List(start)[0].Struck; got != len(x.on) {
			t.Errorf("%s struck %d times, want %d", x.fault, got, len(x.on))
		}
	}
}

func TestSeveralFaults(t *testing.T) {
	s := setOf(t, "", "latency=1s", "latency=2s", "bytesPerSecond=10", "bytesPerSecond=5", "bytesPerSecond=7", "on=twin throttle=3s", "throttle=9s", "throttle=4s")
	want := Verdict{Delay: 3 * time.Second, BytesPerSecond: 5, RetryAfter: 9 * time.Second, By: "8"}
	if got := ask(s, Twin, "d", "", 0); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := s.Ask(Occasion{On: Twin, Device: "d", Now: start, Fault: "2"}); got != (Verdict{Delay: 2 * time.Second, By: "2"}) {
		t.Errorf("one fault alone: %+v", got)
	}
}

func TestWhom(t *testing.T) {
	s := setOf(t, "", "device=gw-* loss=100% id=pattern", "profile=p loss=100% id=profile", "loss=100% id=all", "device=a*b*c? loss=100% id=stars")
	for device, want := range map[string]string{
		"gw-7": "pattern all", "p-1": "profile all", "p-3": "all", "": "all", "a-b-cd": "all stars", "abcc": "all stars", "abc": "all", "aabbccd": "all stars", "a*b*c?": "all stars",
	} {
		ask(s, Twin, device, "", 0)
		var got []string
		for _, st := range s.List(start) {
			if st.Struck == 1 {
				got = append(got, st.Fault.ID)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is struck by %v, want %s", device, got, want)
		}
		s = setOf(t, "", "device=gw-* loss=100% id=pattern", "profile=p loss=100% id=profile", "loss=100% id=all", "device=a*b*c? loss=100% id=stars")
	}
}

// Counts are of each device.
func TestCounts(t *testing.T) {
	s := setOf(t, "", "loss=100% after=2 count=3")
	got := ""
	for range 8 {
		for _, d := range []string{"a", "b"} {
			if ask(s, Twin, d, "", 0).Lost {
				got += d
			} else {
				got += "-"
			}
		}
	}
	if want := "----ababab------"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if st := s.List(start)[0]; st.Struck != 6 {
		t.Errorf("struck %d", st.Struck)
	}
}

func TestTime(t *testing.T) {
	for fault, want := range map[string]string{
		"loss=100%":                     "11111",
		"loss=100% from=1m":             "01111",
		"loss=100% until=2m":            "11000",
		"loss=100% from=1m until=3m":    "01100",
		"loss=100% from=1m for=1m":      "01000",
		"loss=100% for=59s":             "10000",
		"clockSkew=1s from=2m for=90s":  "00110",
		"disconnectEvery=1h from=2m":    "00111",
		"offline from=119s until=121s":  "00100",
		"halfOpen from=239s until=240s": "00000",
	} {
		s, got := setOf(t, "", fault), ""
		for i := range 5 {
			now := start.Add(time.Duration(i) * time.Minute)
			struck := ask(s, Twin, "d", "", now.Sub(start)).Lost || ask(s, Connects, "d", "", now.Sub(start)) != Verdict{} || s.Skew("d", now) != 0 || s.Ages("d", "", now) != nil
			if struck != s.InForce("1", now) {
				t.Errorf("%s in minute %d: strikes %v, in force %v", fault, i, struck, !struck)
			}
			got += map[bool]string{true: "1", false: "0"}[struck]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", fault, got, want)
		}
	}
}

// What strikes one device depends on the seed, the fault and the device, and on nothing else.
func TestChanceRepeats(t *testing.T) {
	course := func(seed string, crowd int) string {
		s, got := setOf(t, seed, "loss=30%", "id=slow latency=1s jitter=500ms chance=50%"), ""
		for i := range 200 {
			for n := range crowd {
				ask(s, []On{Twin, Calls, REST}[n%3], fmt.Sprint("other-", n*i%7), "", 0)
			}
			got += fmt.Sprint(ask(s, Telemetry, "d", "", 0))
		}
		return got
	}
	first := course("a", 0)
	if course("a", 0) != first || course("a", 5) != first {
		t.Error("the same seed takes another course")
	}
	if course("b", 0) == first {
		t.Error("another seed takes the same course")
	}
}

func TestChanceIsFair(t *testing.T) {
	s := setOf(t, "", "loss=10%", "offline chance=10%", "latency=1s jitter=500ms on=twin")
	var shortest, longest = time.Hour, time.Duration(0)
	off := map[string]bool{}
	for i := range 10000 {
		d := fmt.Sprint(i % 1000)
		v := ask(s, Twin, d, "", 0)
		shortest, longest = min(shortest, v.Delay), max(longest, v.Delay)
		if c := ask(s, Connects, d, "", 0).Cut; i >= 1000 && c != off[d] {
			t.Fatalf("%s is offline now and then", d)
		} else if c {
			off[d] = true
		}
	}
	if n := s.List(start)[0].Struck; n < 900 || n > 1100 {
		t.Errorf("10%% of 10,000 are %d", n)
	}
	if len(off) < 70 || len(off) > 130 {
		t.Errorf("10%% of 1,000 devices are %d", len(off))
	}
	if shortest < 500*time.Millisecond || shortest > 510*time.Millisecond || longest < 1490*time.Millisecond || longest >= 1500*time.Millisecond {
		t.Errorf("1s ± 500ms goes from %v to %v", shortest, longest)
	}
}

func TestAgesAndSkew(t *testing.T) {
	s := setOf(t, "", "disconnectEvery=1h", "device=a disconnectEvery=200ms jitter=200ms id=quick", "clockSkew=1h", "device=a clockSkew=-10m")
	for range 20 {
		ages := s.Ages("a", "", start)
		if len(ages) != 2 || ages[0] != (Age{"1", time.Hour}) || ages[1].Fault != "quick" || ages[1].After < leastEvery || ages[1].After > 400*time.Millisecond {
			t.Errorf("%v", ages)
		}
	}
	if ages := s.Ages("b", "quick", start); ages != nil {
		t.Errorf("%v", ages)
	}
	if a, b := s.Skew("a", start), s.Skew("b", start); a != 50*time.Minute || b != time.Hour {
		t.Errorf("%v, %v", a, b)
	}
}

func TestAddAndRemove(t *testing.T) {
	s := setOf(t, "", "loss=1%", "id=2 loss=1%", "loss=1%")
	if got := fmt.Sprint(s.List(start)); s.Len() != 3 || !strings.Contains(got, "id=1") || !strings.Contains(got, "id=3") {
		t.Errorf("%s", got)
	}
	for says, f := range map[string]Fault{"there is a fault 2 already": {ID: "2", Offline: true}, "does not say": {}} {
		if _, err := s.Add(f, nil, start); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want %q", f, err, says)
		}
	}
	if !s.Remove("2") || s.Remove("2") || s.InForce("2", start) || s.Len() != 2 {
		t.Error("removing a fault")
	}
	for s.Len() < maxFaults {
		if _, err := s.Add(Fault{Loss: 1}, nil, start); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add(Fault{Loss: 1}, nil, start); err == nil {
		t.Error("there is no end to faults")
	}
}
