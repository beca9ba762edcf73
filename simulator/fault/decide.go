package fault

import (
	"slices"
	"time"
)

// Occasions that nobody writes, but a hub has.
const (
	AtOnce  On = "at once" // the fault comes in force, and the device is connected
	Aged    On = "aged"    // the device's connection is as old as DisconnectEvery says
	Resumed On = "resumed" // the device is back, and the hub has kept its subscriptions
)

// An Occasion is something that happens, on which a fault may strike.
type Occasion struct {
	On     On
	Device string // empty: a call of a service that is about none
	Method string // of Calls and Answers
	Now    time.Time
	Fault  string // only this fault is asked; empty: all
}

// A Verdict is what happens on an occasion. The zero Verdict is that all is well.
type Verdict struct {
	Delay          time.Duration
	BytesPerSecond int // 0: as fast as it goes
	Lost, Twice    bool
	Cut            bool          // the connection ends
	Refuse         Refusal       // it is refused
	RetryAfter     time.Duration // it is refused with 429
	Status         int           // the method call fails so; 0: it does not
	HalfOpen       string        // the connection is dead as long as this fault is in force
	Lose           bool          // the subscription to methods is lost
	By             string        // the last fault that struck
}

// Ask decides what happens on an occasion, and counts it.
func (s *Set) Ask(o Occasion) Verdict {
	var v Verdict
	for _, e := range s.faults {
		if e.about(o) && e.strikes(s.seed, o.Device) {
			e.apply(&v, s.seed, o)
		}
	}
	return v
}

func (e *entry) about(o Occasion) bool {
	return slices.Contains(e.on, o.On) && (o.Fault == "" || o.Fault == e.fault.ID) && e.concerns(o.Device) &&
		(e.fault.Method == "" || match(e.fault.Method, o.Method)) && e.inForce(o.Now)
}

func (e *entry) apply(v *Verdict, seed string, o Occasion) {
	f := &e.fault
	v.By = f.ID
	switch e.kind.key {
	case "latency":
		v.Delay += e.jittered(f.Latency, seed, o.Device)
	case "loss":
		v.Lost = true
	case "duplicate":
		v.Twice = true
	case "refuse":
		v.Refuse = f.Refuse
	case "disconnect", "disconnectEvery":
		v.Cut = true
	case "offline":
		v.Refuse, v.Cut = Unavailable, true
	case "halfOpen":
		v.HalfOpen = f.ID
	case "bytesPerSecond":
		if v.BytesPerSecond == 0 || f.BytesPerSecond < v.BytesPerSecond {
			v.BytesPerSecond = f.BytesPerSecond
		}
	case "methodFailure":
		v.Status = f.status()
	case "throttle":
		v.RetryAfter = max(v.RetryAfter, f.Throttle)
	case "loseMethods":
		v.Lose = true
	}
}

// Skew is how far the hub's clock is ahead for a device.
func (s *Set) Skew(device string, now time.Time) time.Duration {
	var sum time.Duration
	for _, e := range s.faults {
		if e.fault.ClockSkew != 0 && e.concerns(device) && e.inForce(now) && e.strikes(s.seed, device) {
			sum += e.fault.ClockSkew
		}
	}
	return sum
}

// An Age is when a connection has to be asked about: after so long, with Aged and the fault.
type Age struct {
	Fault string
	After time.Duration
}

// Ages are those of a connection of a device that begins now, or goes on for another turn; of one fault only unless it is empty.
func (s *Set) Ages(device, fault string, now time.Time) []Age {
	var ages []Age
	for _, e := range s.faults {
		if f := &e.fault; f.DisconnectEvery > 0 && (fault == "" || fault == f.ID) && e.concerns(device) && e.inForce(now) {
			ages = append(ages, Age{f.ID, max(leastEvery, e.jittered(f.DisconnectEvery, s.seed, device))})
		}
	}
	return ages
}
