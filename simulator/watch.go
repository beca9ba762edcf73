package simulator

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twinbook/twinbook/hub"
)

// watches are those who want to be told of a twin's changes, by device id. A device that nobody
// watches costs one look-up a change and no lock.
type watches struct {
	byID sync.Map                   // id to *watchList
	all  atomic.Pointer[[]*watcher] // those who want to be told of every device; nil: nobody does
	mu   sync.Mutex                 // held while all is replaced
}

type watchList struct {
	mu       sync.Mutex // guards the list
	watchers []*watcher
}

type watcher struct {
	tell    func(hub.Twin, error)
	stopped atomic.Bool
	box     outbox[sight]
}

// A sight is what a watcher is told: a twin, or that there is none any more.
type sight struct {
	twin hub.Twin
	err  error
}

func (w *watcher) flush() {
	w.box.flush(func(s sight) {
		if !w.stopped.Load() {
			w.tell(s.twin, s.err)
		}
	})
}

func (ws *watches) add(id string, tell func(hub.Twin, error)) (stop func()) {
	entry, _ := ws.byID.LoadOrStore(id, &watchList{})
	list, w := entry.(*watchList), &watcher{tell: tell}
	list.mu.Lock()
	list.watchers = append(list.watchers, w)
	list.mu.Unlock()
	return func() {
		w.stopped.Store(true)
		list.mu.Lock()
		defer list.mu.Unlock()
		list.watchers = slices.DeleteFunc(slices.Clone(list.watchers), func(o *watcher) bool { return o == w })
	}
}

// addAll is add for all devices, but for modules.
func (ws *watches) addAll(tell func(hub.Twin, error)) (stop func()) {
	w := &watcher{tell: tell}
	ws.replaceAll(func(all []*watcher) []*watcher { return append(all, w) })
	return func() {
		w.stopped.Store(true)
		ws.replaceAll(func(all []*watcher) []*watcher {
			return slices.DeleteFunc(all, func(o *watcher) bool { return o == w })
		})
	}
}

func (ws *watches) replaceAll(f func([]*watcher) []*watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	var all []*watcher
	if old := ws.all.Load(); old != nil {
		all = slices.Clone(*old)
	}
	if all = f(all); len(all) == 0 {
		ws.all.Store(nil)
		return
	}
	ws.all.Store(&all)
}

// report queues the state of a device whose lock is held, and returns whom to flush without it.
func (ws *watches) report(d *device) []*watcher {
	watchers := ws.of(d, false)
	if len(watchers) == 0 {
		return nil
	}
	t := d.viewLocked().hubTwin()
	for _, w := range watchers {
		w.box.put(sight{twin: t})
	}
	return watchers
}

// of is who watches a device; if this is the last they hear, they are taken off its list.
func (ws *watches) of(d *device, last bool) []*watcher {
	everywhere := ws.ofAll(d)
	entry, watched := ws.byID.Load(d.id)
	if !watched {
		return everywhere
	}
	list := entry.(*watchList)
	list.mu.Lock()
	defer list.mu.Unlock()
	watchers := list.watchers
	if last {
		list.watchers = nil
	}
	if len(everywhere) > 0 {
		watchers = slices.Concat(watchers, everywhere)
	}
	return watchers
}

func (ws *watches) ofAll(d *device) []*watcher {
	all := ws.all.Load()
	if all == nil || d.names().Module != "" {
		return nil
	}
	return *all
}

// end queues the end for all who watch a device that was deleted, and returns whom to flush. A later
// device of the same id is not theirs.
func (ws *watches) end(d *device) []*watcher {
	watchers := ws.of(d, true)
	if len(watchers) == 0 {
		return nil
	}
	names := d.names()
	gone := failed("watch the twin", hub.Target{Device: names.Device, Module: names.Module}, deviceNotFound.fault("Device %s was deleted.", printable(d.id)).
		saying("%s was deleted from the registry", d.id))
	for _, w := range watchers {
		w.box.put(sight{err: gone})
	}
	return watchers
}
