package journal

import "time"

// Retention says how long runs that have ended are kept; its zero value: for ever. A run goes with its child runs, and
// never before it has ended.
type Retention struct {
	Age  time.Duration // since they ended; zero: any
	Runs int           // how many, the latest; zero: all
}
