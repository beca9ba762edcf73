package server

import (
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

const (
	// refusalsEach is how many requests of one caller that were not done the audit trail has by themselves within
	// refusalsIn. Of more it says how many: nobody may fill it with what did not happen.
	refusalsEach = 50
	refusalsIn   = time.Minute

	// mostRefused bounds how many callers are told apart; issuers may know very many.
	mostRefused = 10_000
)

// refusals count the requests that were not done, by caller.
type refusals struct {
	clock clock.Clock
	keep  func(journal.AuditEntry)

	mu  sync.Mutex // guards what follows
	who map[string]*refused
}

// refused is what one caller was refused in the last minute.
type refused struct {
	count int
	last  journal.AuditEntry // of those that are only counted
}

func newRefusals(c clock.Clock, keep func(journal.AuditEntry)) *refusals {
	return &refusals{clock: c, keep: keep, who: map[string]*refused{}}
}

// note keeps an entry, or counts it.
func (f *refusals) note(e journal.AuditEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.who[e.Who]
	if r == nil && len(f.who) < mostRefused {
		r = &refused{}
		f.who[e.Who] = r
		f.clock.After(refusalsIn, func() { f.sum(e.Who) })
	}
	if r == nil {
		return
	}
	if r.count++; r.count <= refusalsEach {
		f.keep(e)
		return
	}
	r.last = e
}

// sum says how many of a caller's requests were only counted.
func (f *refusals) sum(who string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.who[who]
	delete(f.who, who)
	if more := r.count - refusalsEach; more > 0 {
		r.last.Detail = fmt.Sprintf("the last of %d more requests within a minute that were not done", more)
		f.keep(r.last)
	}
}
