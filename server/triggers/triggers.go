// Package triggers starts runs when twins begin to meet a condition.
//
// A trigger fires for a device when the device's twin meets the condition, has met it for as long as the trigger's
// debounce without a break, and did not meet it when it was last looked at before. That it has fired is a mark in the journal,
// set in the commit that begins the run and taken away when the condition is false again: so a restart fires nothing twice, and what
// became true while no server ran fires at the next start.
//
// Conditions are looked at when a twin changes, and at no other time. Of very many changes a device
// is one entry, and only if it meets the condition: a storm takes memory for the devices there are, not for the changes.
package triggers

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// A Trigger is one of a workflow's triggers over twins.
type Trigger struct {
	ID       string // WORKFLOW/ID, once in a server
	Hub      string // whose twins, by its name in the configuration
	Debounce time.Duration

	// Holds says whether a twin meets the condition. With an error nobody knows, and nothing changes.
	Holds func(t hub.Twin, now time.Time) (bool, error)

	// Start begins a run for a device, with the mark in its commit. A *journal.TakenError or *journal.FullError is
	// an answer, any other error a failure after which it is asked again.
	Start func(ctx context.Context, t hub.Twin, mark journal.Mark) error
}

// A Store is what triggers need of a journal; its methods are those of journal.SQLite and journal.Memory.
type Store interface {
	Mark(ctx context.Context, m journal.Mark) error
	Unmark(ctx context.Context, scope string, names ...string) error
	Marks(ctx context.Context, scope string) iter.Seq2[journal.Mark, error]
}

// Config is what a Lookout needs; Observe may be nil.
type Config struct {
	Clock clock.Clock
	Store Store

	// Watch has who told of all twins of a hub, as Watcher.WatchAll does.
	Watch func(hubName string, who hub.Onlooker) (stop func(), err error)

	// Observe is told what becomes of triggers. It must not wait.
	Observe func(Event)
}

// An Event is something that people want to know of a trigger.
type Event struct {
	Kind     EventKind
	Triggers []string // their ids; of Blind and Sighted all of the hub, else one
	Hub      string
	Device   string        // empty of Blind and Sighted
	Err      error         // why, of Dropped, Failed, Unclear and Blind
	Since    time.Duration // of Blind and Sighted: how long the hub could not be read
}

// event is one about a device.
func (t *Trigger) event(kind EventKind, device string, err error) Event {
	return Event{Kind: kind, Triggers: []string{t.ID}, Hub: t.Hub, Device: device, Err: err}
}

// An EventKind says what an Event is about.
type EventKind string

const (
	Fired   EventKind = "fired"   // a run was begun, or queued
	Dropped EventKind = "dropped" // none was, for all places were taken and the workflow wants no queue
	Failed  EventKind = "failed"  // none was yet; it is tried again
	Unclear EventKind = "unclear" // the condition cannot be evaluated for a device; told once, until it can be again
	Blind   EventKind = "blind"   // the hub cannot be read; told at once, and then rarely
	Sighted EventKind = "sighted" // and now it can be
)

// blindAgain is how often a hub that cannot be read is told of.
const blindAgain = 10 * time.Minute

// mostAtOnce is how many runs are begun, and marks taken away, at the same time: they share commits.
const mostAtOnce = 64

// A Lookout holds twins against triggers.
type Lookout struct {
	config Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu    sync.Mutex // guards what follows, and all posts and sentries
	posts map[string]*post
	tasks []task
	busy  int
	quiet *clock.Promise[struct{}] // resolved when nobody is busy any more; nil: nobody wants to know
}

// New makes a Lookout without triggers.
func New(c Config) *Lookout {
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	l := &Lookout{config: c, posts: map[string]*post{}}
	l.ctx, l.cancel = c.Clock.WithCancel(context.Background())
	return l
}

// Set replaces the triggers. One that was there before, with the same hub, goes on with what it knows; a new one learns from the journal
// for which devices it has fired. The error is the journal's or a hub's; the triggers of other hubs are in force.
func (l *Lookout) Set(ctx context.Context, list []Trigger) error {
	byHub := map[string][]Trigger{}
	for _, t := range list {
		byHub[t.Hub] = append(byHub[t.Hub], t)
	}
	var failed error
	for _, name := range slices.Sorted(maps.Keys(l.hubsAnd(byHub))) {
		if err := l.setHub(ctx, name, byHub[name]); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// hubsAnd are the hubs that have triggers or are to have some.
func (l *Lookout) hubsAnd(wanted map[string][]Trigger) map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]bool{}
	for name := range wanted {
		all[name] = true
	}
	for name := range l.posts {
		all[name] = true
	}
	return all
}

// setHub gives a hub its triggers. If there is a new one among them, all twins are looked at again.
func (l *Lookout) setHub(ctx context.Context, name string, list []Trigger) error {
	l.mu.Lock()
	old := l.posts[name]
	l.mu.Unlock()
	next := &post{lookout: l, hub: name, sentries: map[string]*sentry{}}
	if old != nil {
		l.mu.Lock()
		next.blind, next.told = old.blind, old.told
		l.mu.Unlock()
	}
	fresh := old == nil
	for _, t := range list {
		s, err := old.adopt(ctx, l, t)
		if err != nil {
			return err
		}
		fresh = fresh || s.fresh
		next.sentries[t.ID] = s
	}
	if old != nil && !fresh && len(list) > 0 {
		old.replace(next.sentries)
		return nil
	}
	l.mu.Lock()
	delete(l.posts, name)
	if len(list) > 0 {
		l.posts[name] = next
		next.doubt()
	}
	l.mu.Unlock()
	if old != nil {
		old.leave()
	}
	if len(list) == 0 {
		return nil
	}
	stop, err := l.config.Watch(name, next)
	if err != nil {
		l.mu.Lock()
		delete(l.posts, name)
		l.mu.Unlock()
		return err
	}
	l.mu.Lock()
	next.stop = stop
	l.mu.Unlock()
	return nil
}

// Close ends all watches, and the context of the runs that are being begun, for which it waits.
func (l *Lookout) Close() {
	l.cancel()
	l.mu.Lock()
	posts := l.posts
	l.posts, l.tasks = map[string]*post{}, nil
	if l.busy > 0 {
		l.quiet = clock.NewPromise[struct{}](l.config.Clock)
	}
	quiet := l.quiet
	l.mu.Unlock()
	for _, p := range posts {
		p.leave()
	}
	if quiet != nil {
		quiet.Await(context.Background()) // nobody resolves it with an error
	}
}
