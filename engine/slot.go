package engine

// A Slot is a place among the runs that may be under way at the same time. A run holds it from its beginning until its
// last finally has ended, also while it only waits.
type Slot struct {
	Key      string // runs with the same key share the places
	Limit    int    // how many places there are, as this run sees it; at least 1
	WhenFull WhenFull
}

// WhenFull says what becomes of a run when all places are taken.
type WhenFull string

const (
	Queue   WhenFull = "queue"   // it waits until one is free, in the order of asking
	Reject  WhenFull = "reject"  // there is no such run
	Replace WhenFull = "replace" // those that hold a place or wait for one are cancelled, and it waits until they have ended
)
