package hub

import (
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
// A wait costs a few hundred bytes and no goroutine; see Await for waits that block.
type Watcher struct {
	clock  clock.Clock
	hub    Twins
	pusher Pusher // nil: the hub must be polled
	poll   *poller
}

// WatchOptions say how a hub is polled; the zero value is fit for Azure IoT Hub. A hub that pushes
// is read under the same limits, once for each wait.
type WatchOptions struct {
	// ReadsPerSecond bounds the reads of twins, all together. 0: 100, the quota of a small Azure hub.
	ReadsPerSecond float64

	// MinInterval is the pause between two reads of a twin that has just changed, 0: 200ms. While
	// nothing changes the pause grows by half with each read, up to MaxInterval, 0: 5s.
	MinInterval, MaxInterval time.Duration

	// InFlight bounds the reads under way at once. 0: 32.
	InFlight int

	// ReadTimeout bounds one read. 0: 10s.
	ReadTimeout time.Duration
}

func (o WatchOptions) withDefaults() WatchOptions {
	o.ReadsPerSecond = orDefault(o.ReadsPerSecond, 100)
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
	return &Watcher{clock: c, hub: h, pusher: pusher, poll: newPoller(c, h, o.withDefaults(), pusher == nil)}
}

// Watch calls f with the twin as it is now, and again after each change, one call at a time, until
// stop is called or the watch ends by itself. A call that is under way when stop is called may
// still finish.
//
// A read that fails is told to f as an error. If Ends(err), it was the last call. Otherwise the
// watch goes on, and the next read that succeeds is told even if the twin has not changed.
// f must not wait.
func (w *Watcher) Watch(t Target, f func(Twin, error)) (stop func()) {
	s := &watch{f: f}
	unsubscribe := func() {}
	if w.pusher != nil {
		unsubscribe = w.pusher.OnTwin(t, s.push)
	}
	leave := w.poll.join(t, s)
	return func() {
		if s.stopped.Swap(true) {
			return
		}
		unsubscribe()
		leave()
	}
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
	f       func(Twin, error)
	stopped atomic.Bool

	mu     sync.Mutex // held while f is called, so that the calls are one at a time
	last   *Twin      // what f was told
	failed bool       // f was told of a failure since
	pushed bool       // the hub's pushes have taken over from the read
	ended  bool
}

// read takes the outcome of a read that began after the watch did. Once the hub has pushed, a read
// has nothing to add: it may even be older.
func (s *watch) read(t *Twin, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped.Load() || s.ended || s.pushed:
	case err != nil:
		s.failed, s.ended = true, Ends(err)
		s.f(Twin{}, err)
	case s.failed || s.last == nil || !same(s.last, t):
		s.failed, s.last = false, t
		s.f(*t, nil)
	}
}

// push takes a change from the hub, or the end of the twin. The first ones may be older than what a
// read has told.
func (s *watch) push(t Twin, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped.Load() || s.ended:
	case err != nil:
		s.ended = true
		s.f(Twin{}, err)
	case s.pushed || s.last == nil || follows(&t, s.last):
		s.pushed, s.last = true, &t
		s.f(t, nil)
	}
}

// over says whether the watch needs no further read: it has ended, or one reading was enough
// because pushes tell the rest.
func (s *watch) over(forever bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended || !forever && (s.pushed || s.last != nil)
}

// same says whether two readings show the same state of a twin: the versions count the changes of
// the properties, the etag those of the tags.
func same(a, b *Twin) bool {
	return a.DesiredVersion == b.DesiredVersion && a.ReportedVersion == b.ReportedVersion &&
		a.ETag == b.ETag && a.ConnectionState == b.ConnectionState && a.Status == b.Status
}

// follows says whether a shows a later state than b.
func follows(a, b *Twin) bool {
	return a.DesiredVersion >= b.DesiredVersion && a.ReportedVersion >= b.ReportedVersion && !same(a, b)
}
