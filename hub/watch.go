package hub

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// A Watcher tells of changes of twins, to everybody in this process who waits for one of a hub's.
// Make one for each hub and share it.
//
// A hub that pushes is subscribed and then asked once, so that no change in between is lost. Any
// other hub is polled: one read serves all who wait for a twin, twins that changed last time are
// read first and more often, and all reads share one rate limit. While nobody waits, nothing runs.
// A wait costs a few hundred bytes and no goroutine; see Wait, and Await for waits that block.
type Watcher struct {
	clock  clock.Clock
	hub    Hub
	pusher Pusher // nil: the hub must be polled
	poll   *poller
}

// WatchOptions say how a hub is read; the zero value is fit for Azure IoT Hub. A hub that pushes is
// read under the same limits, but only once for each wait.
type WatchOptions struct {
	// ReadsPerSecond bounds the reads of twins, all together. 0: 100, the quota of a small Azure hub;
	// of a hub that pushes, 10,000, so that many who begin to wait at once soon know what is there.
	ReadsPerSecond float64

	// MinInterval is the pause between two reads of a twin that has just changed, 0: 200ms. While
	// nothing changes the pause grows by half with each read, up to MaxInterval, 0: 5s.
	MinInterval, MaxInterval time.Duration

	// InFlight bounds the reads under way at once. 0: 32.
	InFlight int

	// ReadTimeout bounds one read. 0: 10s.
	ReadTimeout time.Duration
}

func (o WatchOptions) withDefaults(pushes bool) WatchOptions {
	perSecond := 100.0
	if pushes {
		perSecond = 10_000
	}
	o.ReadsPerSecond = orDefault(o.ReadsPerSecond, perSecond)
	o.MinInterval = orDefault(o.MinInterval, 200*time.Millisecond)
	o.MaxInterval = max(orDefault(o.MaxInterval, 5*time.Second), o.MinInterval)
	o.InFlight = orDefault(o.InFlight, 32)
	o.ReadTimeout = orDefault(o.ReadTimeout, 10*time.Second)
	return o
}

func orDefault[T int | float64 | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// NewWatcher makes the Watcher of a hub; it subscribes if the hub is a Pusher.
func NewWatcher(c clock.Clock, h Hub, o WatchOptions) *Watcher {
	pusher, _ := h.(Pusher)
	return &Watcher{clock: c, hub: h, pusher: pusher, poll: newPoller(c, h, o.withDefaults(pusher != nil), pusher == nil)}
}

// Watch calls f with the twin as it is now, and again after each change, one call at a time, until
// stop is called or the watch ends by itself. A call that is under way when stop is called may
// still finish.
//
// A read that fails is told to f as an error. If Ends(err), it was the last call. Otherwise the
// watch goes on, and the next read that succeeds is told even if the twin has not changed.
// f must not wait.
func (w *Watcher) Watch(t Target, f func(Twin, error)) (stop func()) {
	s := &watch{watcher: w, target: t, hear: func(t Twin, _ bool, err error) { f(t, err) }}
	s.begin()
	return s.stop
}

// Ends says whether an error ends a wait for a twin: another read would fail in the same way.
func Ends(err error) bool {
	switch KindOf(err) {
	case Timeout, Offline, Throttled, Unavailable, Interrupted:
		return false
	}
	return err != nil
}

// A watch is one party's interest in a twin.
type watch struct {
	watcher     *Watcher
	target      Target
	unsubscribe func() // nil: there are no pushes

	// hear is told of the twin, and whether it has changed since the last time, or of an error.
	hear func(t Twin, changed bool, err error)

	stopped atomic.Bool
	ended   atomic.Bool // another read would fail as the last one did
	told    atomic.Bool // of a twin

	turn   sync.Mutex // held while hear is called, so that the calls are one at a time; guards what is below
	failed bool       // an error was told last
	pushed bool       // the hub's pushes have taken over from the read
	last   state      // of the twin that was told
}

func (s *watch) begin() {
	if p := s.watcher.pusher; p != nil {
		s.unsubscribe = p.OnTwin(s.target, s.push)
	}
	s.watcher.poll.join(s)
}

func (s *watch) stop() {
	if s.stopped.Swap(true) {
		return
	}
	if s.unsubscribe != nil {
		s.unsubscribe()
	}
	s.watcher.poll.leave(s)
}

// read takes the outcome of a read that began after the watch did. Once the hub has pushed, a read
// has nothing to add: it may even be older.
func (s *watch) read(t *Twin, err error) {
	s.alone(func() {
		switch {
		case s.pushed:
		case err != nil:
			s.fail(err)
		default:
			if now := stateOf(t); s.failed || !s.told.Load() || s.last != now {
				s.tell(t, now)
			}
		}
	})
}

// push takes a change from the hub, or the end of the twin. The first ones may be older than what a
// read has told.
func (s *watch) push(t Twin, err error) {
	s.alone(func() {
		if err != nil {
			s.ended.Store(true)
			s.hear(Twin{}, false, err)
			return
		}
		if now := stateOf(&t); s.pushed || !s.told.Load() || now.follows(s.last) {
			s.pushed = true
			s.tell(&t, now)
		}
	})
}

// alone calls f when no call of hear is under way, unless there will be none any more.
func (s *watch) alone(f func()) {
	if s.stopped.Load() { // perhaps by a call that is under way, and waits for its caller
		return
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.stopped.Load() && !s.ended.Load() {
		f()
	}
}

func (s *watch) fail(err error) {
	s.failed = true
	s.ended.Store(Ends(err))
	s.hear(Twin{}, false, err)
}

func (s *watch) tell(t *Twin, now state) {
	changed := !s.told.Swap(true) || s.last != now
	s.failed, s.last = false, now
	s.hear(*t, changed, nil)
}

// over says whether the watch needs no further read: it has ended, or one reading was enough
// because pushes tell the rest. It never waits for hear.
func (s *watch) over(forever bool) bool { return s.ended.Load() || !forever && s.told.Load() }

// A state is what tells one reading of a twin from another: the versions count the changes of the
// properties, the etag those of the tags.
type state struct {
	desired, reported int64
	rest              uint64 // a hash of what are texts, as many watches keep a state each
}

var textSeed = maphash.MakeSeed()

func stateOf(t *Twin) state {
	var h maphash.Hash
	h.SetSeed(textSeed)
	for _, text := range [...]string{t.ETag, t.ConnectionState, t.Status} {
		h.WriteString(text)
		h.WriteByte(0)
	}
	return state{t.DesiredVersion, t.ReportedVersion, h.Sum64()}
}

// follows says whether a is later than b.
func (a state) follows(b state) bool {
	return a.desired >= b.desired && a.reported >= b.reported && a != b
}
