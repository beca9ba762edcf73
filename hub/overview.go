package hub

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// A FleetPusher is a hub that says by itself when the twin of any of its devices has changed.
type FleetPusher interface {
	// OnTwins calls f with the whole twin after each change of a device's twin, a device's changes in their order and
	// one call at a time, until stop is called. f must not wait. Modules are left out.
	//
	// When a device is deleted, f is told an *Error of kind NotFound that names it.
	OnTwins(f func(Twin, error)) (stop func())
}

// An Onlooker is told of all devices of a hub, one call at a time. Its methods must not wait.
type Onlooker interface {
	Twin(Twin)          // as it is now, and again after a change
	Gone(device string) // was told of, and is there no more
	Seen()              // all devices that were there have been told of; once
	Trouble(error)      // the hub could not be read; it is tried again, and each time told
	Recovered()         // after Trouble: the hub could be read
}

// DefaultLook is how often all twins of a hub that does not push are read.
const DefaultLook = 30 * time.Second

// WatchAll tells of all devices of the hub until stop is called.
//
// A hub that pushes is subscribed and then read once. Any other hub is read again and again, every being the pause
// between two readings (zero: DefaultLook): of several changes in between only the last is told, and as late as the hub's query
// knows of it. What is kept is some hundred bytes for each device.
func (w *Watcher) WatchAll(every time.Duration, who Onlooker) (stop func()) {
	o := &overview{hub: w.hub, clock: w.clock, every: orDefault(every, DefaultLook), who: who, known: map[string]*look{}}
	ctx, cancel := w.clock.WithCancel(context.Background())
	unsubscribe := func() {}
	if p, ok := w.hub.(FleetPusher); ok {
		o.pushes = true
		unsubscribe = p.OnTwins(o.push)
	}
	w.clock.Go(ctx, "read all twins", o.run)
	return func() {
		cancel()
		unsubscribe()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.stopped = true
	}
}

// An overview is somebody's interest in all twins of a hub.
type overview struct {
	hub    Queries
	clock  clock.Clock
	every  time.Duration
	who    Onlooker
	pushes bool

	mu      sync.Mutex // held while who is called, so that the calls are one at a time; guards what is below
	stopped bool
	known   map[string]*look
	round   int  // of reading
	seen    bool // the first round is over
}

// A look is what is known of a device.
type look struct {
	state  state
	round  int  // of the latest reading that had it
	pushed bool // pushes tell of it: a reading may be older
	gone   bool // deleted while a reading that may still have it is under way
}

// run reads all twins, of a hub that pushes once.
func (o *overview) run(ctx context.Context) {
	for ctx.Err() == nil {
		o.round++
		if !o.readAll(ctx) {
			return
		}
		o.endRound()
		if o.pushes {
			return
		}
		clock.Sleep(ctx, o.clock, o.every) // the end of ctx ends the loop
	}
}

// readAll is one round. It goes on at the page where the hub failed, or from the start if that page is not to be had.
func (o *overview) readAll(ctx context.Context) (done bool) {
	var failed setbacks
	for q := (Query{Text: "SELECT * FROM devices"}); ; {
		page, err := o.hub.Query(ctx, q)
		if ctx.Err() != nil {
			return false
		}
		if err != nil {
			failed.add(err)
			o.tell(func() { o.who.Trouble(err) })
			if Ends(err) {
				q.Continuation = ""
			}
			clock.Sleep(ctx, o.clock, failed.pause())
			continue
		}
		if failed.count > 0 {
			o.tell(o.who.Recovered)
		}
		failed = setbacks{}
		for i := range page.Twins {
			o.read(&page.Twins[i])
		}
		if q.Continuation = page.Continuation; q.Continuation == "" {
			return true
		}
	}
}

// tell calls f alone, unless nobody wants to hear any more.
func (o *overview) tell(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.stopped {
		f()
	}
}

func (o *overview) read(t *Twin) {
	o.tell(func() {
		k, now := o.known[t.Device], stateOf(t)
		switch {
		case k == nil:
			o.known[t.Device] = &look{state: now, round: o.round}
		case k.pushed:
			return
		case k.state == now:
			k.round = o.round
			return
		default:
			k.state, k.round = now, o.round
		}
		o.who.Twin(*t)
	})
}

// push takes a change from the hub. The first ones may be older than what a reading has told.
func (o *overview) push(t Twin, err error) {
	o.tell(func() {
		if err != nil {
			o.forget(err)
			return
		}
		k, now := o.known[t.Device], stateOf(&t)
		if k == nil {
			k = &look{}
			o.known[t.Device] = k
		} else if !k.pushed && !k.gone && !now.follows(k.state) {
			return
		}
		*k = look{state: now, pushed: true}
		o.who.Twin(t)
	})
}

// forget takes out a device that was deleted.
func (o *overview) forget(err error) {
	var e *Error
	if !errors.As(err, &e) || e.Kind != NotFound {
		return
	}
	known := o.known[e.Device] != nil && !o.known[e.Device].gone
	if o.seen {
		delete(o.known, e.Device)
	} else {
		o.known[e.Device] = &look{pushed: true, gone: true}
	}
	if known {
		o.who.Gone(e.Device)
	}
}

// endRound tells of the devices that a reading did not have any more.
func (o *overview) endRound() {
	o.tell(func() {
		for device, k := range o.known {
			switch {
			case k.gone:
				delete(o.known, device)
			case !k.pushed && k.round < o.round:
				delete(o.known, device)
				o.who.Gone(device)
			}
		}
		if !o.seen {
			o.seen = true
			o.who.Seen()
		}
	})
}
