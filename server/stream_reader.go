package server

import (
	"context"
	"sort"

	"github.com/twinbook/twinbook/engine"
)

// A reader is somebody who watches a run. feed.mu guards place and live.
type reader struct {
	feeds *feeds
	feed  *feed
	news  chan struct{} // there may be something
	place int64         // the last event that it was given
	live  bool          // it had everything once
}

// ready returns when the feed has what the reader wants to begin with, or can say that it is not to be had. heavily is how
// much is read at once.
func (r *reader) ready(ctx context.Context, heavily func(context.Context, func() error) error) error {
	f := r.feed
	select {
	case f.loading <- struct{}{}:
		defer func() { <-f.loading }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if !f.follows {
		if err := heavily(ctx, func() error { return f.begin(r.place) }); err != nil {
			return err // the next reader tries again
		}
		f.follows = true
		go f.follow()
	}
	if !r.early() {
		return nil
	}
	return heavily(ctx, func() error {
		events, err := f.journal.Events(ctx, f.run, r.place)
		if err == nil {
			err = f.prepend(events)
		}
		return err
	})
}

// early says whether the reader begins with events from before those that the feed has. One that says it has what is not
// there yet begins with what comes next.
func (r *reader) early() bool {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	r.place = min(r.place, r.feed.last)
	return r.place < r.feed.base
}

// prepend puts events before those that the feed has; all of them have come after some reader's place, so none is
// forgotten meanwhile.
func (f *feed) prepend(events []engine.Event) error {
	f.mu.Lock()
	base := f.base
	f.mu.Unlock()
	n := sort.Search(len(events), func(i int) bool { return events[i].Seq > base })
	chunks, size, err := encode(events[:n])
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return f.ctx.Err()
	}
	if n > 0 && f.base == events[n-1].Seq {
		f.chunks, f.base = append(chunks, f.chunks...), events[0].Seq-1
		f.grow(size)
	}
	return f.err
}

// next is what the reader has not been given yet, or some of it. Where there is nothing, more is sent to when there is,
// or nothing will come any more: the run has ended, the feed has, or the reader has fallen too far behind.
func (r *reader) next() (text []byte, more <-chan struct{}, end bool) {
	f := r.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil || r.place < f.base:
		return nil, nil, true
	case r.place >= f.last:
		r.live = true
		return nil, r.news, f.ended
	}
	i := sort.Search(len(f.chunks), func(i int) bool { return f.chunks[i].last() > r.place })
	c := f.chunks[i]
	from := 0
	if skip := r.place - c.seq + 1; skip > 0 {
		from = c.ends[skip-1]
	}
	r.place = c.last()
	return c.text[from:], nil, false
}
