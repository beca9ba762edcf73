package server

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// feeds are the runs that somebody watches. Each is read from the journal once, however many watch it.
type feeds struct {
	journal Journal
	most    int // readers
	ctx     context.Context
	cancel  context.CancelFunc
	held    atomic.Int64 // bytes of events that all feeds keep

	mu      sync.Mutex // guards what follows
	runs    map[string]*feed
	readers int
}

func newFeeds(j Journal, most int) *feeds {
	ctx, cancel := context.WithCancel(context.Background())
	return &feeds{journal: j, most: most, ctx: ctx, cancel: cancel, runs: map[string]*feed{}}
}

// mostHeld bounds what all feeds keep; a feed that would need more ends, and its readers with it.
const mostHeld = 256 << 20

// join makes somebody a reader of a run's events after a number. They have to leave.
func (f *feeds) join(run string, after int64) (*reader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ctx.Err() != nil:
		return nil, tooMany("the server is about to end")
	case f.readers >= f.most:
		return nil, tooMany("there are as many streams of events as this server may have")
	}
	of := f.runs[run]
	if of == nil {
		ctx, cancel := context.WithCancel(f.ctx)
		of = &feed{
			run: run, journal: f.journal, held: &f.held, ctx: ctx, cancel: cancel,
			poked: make(chan struct{}, 1), loading: make(chan struct{}, 1), readers: map[*reader]bool{},
		}
		f.runs[run] = of
	}
	r := &reader{feeds: f, feed: of, place: after, news: make(chan struct{}, 1)}
	f.readers++
	of.mu.Lock()
	of.readers[r] = true
	of.mu.Unlock()
	return r, nil
}

func tooMany(why string) *Problem {
	p := plain(http.StatusServiceUnavailable, why)
	p.retryAfter = 5 * time.Second
	return p
}

// leave ends a reader. Who leaves a feed as the last one ends it.
func (r *reader) leave() {
	r.feeds.mu.Lock()
	defer r.feeds.mu.Unlock()
	r.feeds.readers--
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	if delete(r.feed.readers, r); len(r.feed.readers) == 0 {
		delete(r.feeds.runs, r.feed.run)
		r.feed.cancel()
		r.feed.drop(len(r.feed.chunks))
	}
}

// poke says that something may have happened in a run.
func (f *feeds) poke(run string) {
	f.mu.Lock()
	of := f.runs[run]
	f.mu.Unlock()
	if of != nil {
		select {
		case of.poked <- struct{}{}:
		default:
		}
	}
}

// stop ends all feeds, and lets nobody join any more.
func (f *feeds) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancel()
}
