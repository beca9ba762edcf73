package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// A poller reads the twins that watches want to know of, each twin once for all of them.
type poller struct {
	clock   clock.Clock
	hub     Twins
	opt     WatchOptions
	forever bool // read until the watches stop; else only until each has had a reading

	mu      sync.Mutex // guards what is below, and all feeds
	feeds   map[Target]*feed
	fast    lane // feeds that are new, or that changed at their last read
	calm    lane // the others
	turns   int
	reading int
	pace    pace
	made    uint64
	disarm  func() bool // of the timer for the next read; nil when there is none
	armed   time.Time   // its time
}

// A feed is a twin that somebody wants read. Its watches know which one it is.
type feed struct {
	order   uint64   // breaks ties between feeds due at the same time
	watches []member // in the order of joining

	begun    uint64             // reads that have begun
	cancel   context.CancelFunc // of the read under way; nil between reads
	last     state
	read     bool // last is that of a reading
	interval time.Duration
	due      time.Time
	lane     *lane
	place    int // in its lane
}

// A member is a watch in a feed. A read serves it only if it began after the watch had joined:
// what it waits for may be newer than a read that was under way.
type member struct {
	*watch
	joined uint64 // reads of the feed that had begun by then
}

func newPoller(c clock.Clock, h Twins, o WatchOptions, forever bool) *poller {
	return &poller{clock: c, hub: h, opt: o, forever: forever, feeds: map[Target]*feed{}, pace: newPace(o.ReadsPerSecond)}
}

// join has the twin that s watches read, soon.
func (p *poller) join(s *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.feeds[s.target]
	if f == nil {
		p.made++
		f = &feed{order: p.made}
		p.feeds[s.target] = f
	}
	f.watches = append(f.watches, member{s, f.begun})
	if f.cancel == nil {
		p.schedule(f, &p.fast, p.clock.Now())
	}
	p.dispatch()
}

// leave takes a watch out, if it is still in; the last one out ends the read under way.
func (p *poller) leave(s *watch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.feeds[s.target]
	if f == nil {
		return
	}
	f.watches = slices.DeleteFunc(f.watches, func(m member) bool { return m.watch == s })
	if len(f.watches) == 0 {
		p.drop(s.target, f)
		p.arm(p.clock.Now())
	}
}

func (p *poller) drop(t Target, f *feed) {
	delete(p.feeds, t)
	p.unschedule(f)
	if f.cancel != nil {
		f.cancel()
	}
}

// dispatch begins the reads that may begin now and sets the timer for the next one.
func (p *poller) dispatch() {
	now := p.clock.Now()
	for p.reading < p.opt.InFlight && p.pace.wait(now) == 0 {
		f := p.next(now)
		if f == nil {
			break
		}
		p.pace.take(now)
		p.begin(f)
	}
	p.arm(now)
}

func (p *poller) begin(f *feed) {
	p.unschedule(f)
	p.reading++
	f.begun++
	t := f.watches[0].target
	ctx, cancel := p.clock.WithTimeout(context.Background(), p.opt.ReadTimeout)
	f.cancel = cancel
	p.clock.Go(ctx, "read the twin of "+t.String(), func(ctx context.Context) {
		defer cancel()
		twin, err := p.hub.Twin(ctx, t)
		for _, m := range p.served(f) {
			m.read(&twin, err)
		}
		p.end(t, f, &twin, err)
	})
}

// served is the watches that the read under way is for. They are told before the next read of the
// twin can begin, so that readings come in order.
func (p *poller) served(f *feed) []member {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(f.watches, func(m member) bool { return m.joined >= f.begun })
	if i < 0 {
		i = len(f.watches)
	}
	return slices.Clone(f.watches[:i])
}

// end takes note of a read and says when the twin is read next.
func (p *poller) end(t Target, f *feed, twin *Twin, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.dispatch()
	now := p.clock.Now()
	p.reading--
	p.note(now, err)
	f.cancel = nil
	if p.feeds[t] != f {
		return
	}
	f.watches = slices.DeleteFunc(f.watches, func(m member) bool { return m.over(p.forever) })
	if len(f.watches) == 0 {
		p.drop(t, f)
		return
	}
	p.plan(f, now, err == nil && f.note(twin))
}

// note takes a reading and says whether it shows something new.
func (f *feed) note(twin *Twin) (changed bool) {
	now := stateOf(twin)
	changed = !f.read || f.last != now
	f.last, f.read = now, true
	return changed
}

// note tells the pace what the hub thought of a read.
func (p *poller) note(now time.Time, err error) {
	if KindOf(err) != Throttled {
		p.pace.served()
		return
	}
	var e *Error
	errors.As(err, &e)
	p.pace.refused(now, e.Wait)
}

// plan sets the pause before a twin's next read: short after a change, then longer and longer; none
// for a watch that has come while the read was under way.
func (p *poller) plan(f *feed, now time.Time, changed bool) {
	if f.watches[len(f.watches)-1].joined >= f.begun {
		p.schedule(f, &p.fast, now)
		return
	}
	if changed {
		f.interval = p.opt.MinInterval
		p.schedule(f, &p.fast, now.Add(f.interval))
		return
	}
	f.interval = min(max(f.interval*3/2, p.opt.MinInterval), p.opt.MaxInterval)
	p.schedule(f, &p.calm, now.Add(f.interval))
}
