package fault

import "time"

// A Fault is one thing that goes wrong. Its zero fields say nothing; exactly one of the fields under
// "what" is set, and Validate says so.
type Fault struct {
	ID string // a Set gives it a number unless it has one

	// Who and when.
	Device  string        // an id, or a pattern with * and ?; empty: all
	Profile string        // all devices of a profile; who makes the Set knows them
	Method  string        // a method's name, or a pattern; empty: all
	On      []On          // empty: what fits
	Chance  float64       // from 0 to 1; 0: always
	After   int           // so many occasions of each device pass before the first
	Count   int           // it strikes each device at most so often; 0: without end
	From    time.Duration // since it came in force
	Until   time.Duration // since it came in force; 0: for ever
	For     time.Duration // how long from From; 0: for ever

	// What.
	Latency         time.Duration // it takes longer
	Loss            float64       // it never arrives; this is its chance
	Duplicate       float64       // it arrives twice; this is its chance
	Refuse          Refusal       // it is refused
	Disconnect      bool          // the connection ends: at once, or on the occasions of On
	DisconnectEvery time.Duration // connections end when they are so old
	Offline         bool          // the device counts as not connected
	HalfOpen        bool          // its connections stay open, and nothing goes through
	BytesPerSecond  int           // its connections are slow
	MethodFailure   float64       // a method call fails; this is its chance
	Throttle        time.Duration // 429 with this Retry-After
	ClockSkew       time.Duration // the hub's clock is ahead by this
	LoseMethods     bool          // after a reconnect the device is no longer subscribed to methods

	// How.
	Jitter time.Duration // Latency and DisconnectEvery are longer or shorter by up to this
	Status int           // of MethodFailure; 0: 500. 404103, 502 and 504 are the hub's, all others the device's
}

// On is a kind of occasion.
type On string

// The occasions. Each message between a device and its hub is one, in the direction it goes.
const (
	Connects  On = "connects"  // a device connects
	Telemetry On = "telemetry" // from the device: a message to the cloud
	Twin      On = "twin"      // from the device: it reads its twin, or reports
	Answers   On = "answers"   // from the device: the answer to a method call
	Calls     On = "calls"     // to the device: a method call
	Results   On = "results"   // to the device: the answer to a twin operation
	Desired   On = "desired"   // to the device: a notice of desired properties
	Messages  On = "messages"  // to the device: a message from the cloud
	REST      On = "rest"      // a call of a service
)

// A Refusal is how something is refused.
type Refusal string

const (
	Unavailable  Refusal = "unavailable"  // CONNACK 3, HTTP 503: clients try again
	Unauthorized Refusal = "unauthorized" // CONNACK 5, HTTP 401: clients give up
)

// Statuses of MethodFailure that are not the device's but the hub's verdict.
const (
	StatusOffline   = 404103 // the device is not online; the call never reaches it
	StatusBadAnswer = 502    // the device did its work and answered what is no JSON
	StatusTimeout   = 504    // the device did its work, and its answer got lost
	defaultStatus   = 500
)

// fromDevice and toDevice are the occasions that are messages.
var (
	fromDevice = []On{Telemetry, Twin, Answers}
	toDevice   = []On{Calls, Results, Desired, Messages}
)

// status of a failing method.
func (f *Fault) status() int {
	if f.Status == 0 {
		return defaultStatus
	}
	return f.Status
}

// chance from 0 to 1, wherever it was written.
func (f *Fault) chance() float64 {
	for _, c := range []float64{f.Loss, f.Duplicate, f.MethodFailure, f.Chance} {
		if c > 0 {
			return c
		}
	}
	return 1
}

// Span is when the fault is in force, since it was added; an end of 0 is none.
func (f *Fault) Span() (from, until time.Duration) {
	if f.For > 0 {
		return f.From, f.From + f.For
	}
	return f.From, f.Until
}
