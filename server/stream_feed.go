package server

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
)

// A feed has the events of a run that somebody watches, each encoded once. It keeps those that some reader has not
// been given yet, and the latest.
type feed struct {
	run     string
	journal Journal
	held    *atomic.Int64
	ctx     context.Context // ends when nobody reads any more, or all feeds end
	cancel  context.CancelFunc

	poked   chan struct{} // something may have happened
	loading chan struct{} // a place for who reads what a reader begins with
	follows bool          // it has begun to follow the run; who has that place may look

	mu      sync.Mutex // guards what follows
	chunks  []*chunk   // the events with numbers above base, up to last
	base    int64
	last    int64
	size    int  // of the chunks
	ended   bool // the last one is RunEnded
	err     error
	readers map[*reader]bool
}

// A chunk is some events as they are sent.
type chunk struct {
	text []byte
	ends []int // where each event ends in text
	seq  int64 // of the first
}

func (c *chunk) last() int64 { return c.seq + int64(len(c.ends)) - 1 }

// chunkSize is about how long chunks are; one with a larger event is larger.
const chunkSize = 64 << 10

// encode makes chunks of events, whose numbers are consecutive.
func encode(events []engine.Event) (chunks []*chunk, size int, err error) {
	var c *chunk
	for _, e := range events {
		body, err := record.Bytes(e)
		if err != nil {
			return nil, 0, err
		}
		if c == nil || len(c.text) > chunkSize {
			c = &chunk{seq: e.Seq}
			chunks = append(chunks, c)
		}
		before := len(c.text)
		c.text = strconv.AppendInt(append(c.text, "id: "...), e.Seq, 10)
		c.text = append(append(c.text, "\ndata: "...), body...)
		c.text = append(c.text, '\n') // body has one itself, and an empty line ends the event
		c.ends = append(c.ends, len(c.text))
		size += len(c.text) - before
	}
	return chunks, size, nil
}

// How often a feed looks into the journal: soon after it was poked; without a poke more rarely the longer nothing
// happens, since only a run of another process goes on unheard.
const (
	leastPause = 100 * time.Millisecond
	mostPause  = time.Second
	pace       = 10 * time.Millisecond // between one look and the next
)

// begin is the first look of a feed, which begins after an event that a reader says it has. If there is none of that
// number, the feed has all of the run.
func (f *feed) begin(after int64) error {
	events, err := f.journal.Events(f.ctx, f.run, max(after-1, 0))
	if err == nil && after > 0 {
		if len(events) > 0 && events[0].Seq == after {
			f.base, f.last, f.ended = after, after, events[0].Kind == engine.RunEnded
			events = events[1:]
		} else {
			events, err = f.journal.Events(f.ctx, f.run, 0)
		}
	}
	if err == nil {
		_, err = f.publish(events)
	}
	return err
}

// follow reads the journal until the run has ended, or nobody wants to know.
func (f *feed) follow() {
	pause := leastPause
	for {
		looked := time.Now()
		size, end := f.look()
		if end {
			return
		}
		if pause = min(pause*3/2, mostPause); size > 0 {
			pause = leastPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-f.poked:
			pause = leastPause
		case <-f.ctx.Done():
		}
		timer.Stop()
		if wait(f.ctx, time.Until(looked.Add(pace))) != nil {
			f.end(f.ctx.Err())
			f.tell(0)
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// look publishes what is new, and says how much that is.
func (f *feed) look() (size int, end bool) {
	events, err := f.journal.Events(f.ctx, f.run, f.last)
	if err == nil {
		size, err = f.publish(events)
	}
	if err != nil {
		f.end(err)
	}
	if size > 0 || err != nil {
		f.tell(size)
	}
	return size, err != nil || f.ended
}

// publish adds events to those that the feed has, in so many bytes, and forgets what nobody needs any more.
func (f *feed) publish(events []engine.Event) (size int, err error) {
	chunks, size, err := encode(events)
	if err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trim()
	if len(events) == 0 || f.ctx.Err() != nil {
		return 0, f.ctx.Err()
	}
	last := events[len(events)-1]
	f.chunks, f.last, f.ended = append(f.chunks, chunks...), last.Seq, last.Kind == engine.RunEnded
	f.grow(size)
	return size, f.err
}

// end is the end of a feed before the run's.
func (f *feed) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = cmp.Or(f.err, err)
}

// Readers are woken so many at a time, and then others have their turn: a thousand at once would stand before the run
// that they watch wherever that waits for the machine. All together are sent so many bytes a second, which is what a
// gigabit carries; where that is too little, they are behind, and not the run.
const (
	wokenAtOnce = 8
	wakingPause = 500 * time.Microsecond
	mostSent    = 100 << 20
)

// tell wakes the readers, for each of whom there are so many bytes.
func (f *feed) tell(size int) {
	pause := max(wakingPause, time.Duration(size)*wokenAtOnce*time.Second/mostSent)
	f.mu.Lock()
	readers := slices.Collect(maps.Keys(f.readers))
	f.mu.Unlock()
	for i, r := range readers {
		select {
		case r.news <- struct{}{}:
		default: // it has not looked since it was woken before
		}
		if i%wokenAtOnce == wokenAtOnce-1 {
			wait(f.ctx, pause)
		}
	}
}

// grow counts what is kept. mu is held.
func (f *feed) grow(size int) {
	f.size += size
	if f.held.Add(int64(size)) > mostHeld {
		f.err = tooMany("the server keeps as many events for streams as it may")
	}
}

// keepsLatest is how much is kept that all readers have, for those who come back. mostBehind is how far a reader that had
// everything once may fall behind.
const (
	keepsLatest = 256 << 10
	mostBehind  = 4 << 20
)

// trim forgets the chunks that nobody needs any more. mu is held.
func (f *feed) trim() {
	if f.size <= keepsLatest {
		return
	}
	needed := f.last
	for r := range f.readers {
		if place := r.place; !r.live || f.behind(place) <= mostBehind {
			needed = min(needed, place)
		}
	}
	n, size := 0, f.size
	for n < len(f.chunks) && f.chunks[n].last() <= needed && size-len(f.chunks[n].text) >= keepsLatest {
		size -= len(f.chunks[n].text)
		n++
	}
	f.drop(n)
}

// drop forgets the first chunks. mu is held.
func (f *feed) drop(n int) {
	for _, c := range f.chunks[:n] {
		f.base = c.last()
		f.size -= len(c.text)
		f.held.Add(-int64(len(c.text)))
	}
	f.chunks = slices.Delete(f.chunks, 0, n)
}

// behind is how much comes after an event. mu is held.
func (f *feed) behind(after int64) (size int) {
	for _, c := range slices.Backward(f.chunks) {
		if c.last() <= after {
			break
		}
		size += len(c.text)
	}
	return size
}
