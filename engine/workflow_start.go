package engine

import "time"

// A Schedule starts runs of its workflow at times.
type Schedule struct {
	Pos  Pos
	ID   string // within the workflow; where the file gives none: its number among the schedules, from 1
	Cron string // five fields, or a word such as @daily; see package cron
	Zone string // an IANA name, such as Europe/Berlin; UTC unless given

	Jitter  time.Duration // a run starts up to so long after its time, always the same for the same time
	Overlap Overlap       // what to do while the run before has not ended
	Missed  Missed        // what to do about times at which no server ran
	Inputs  []Named[*Value]
}

// MaxJitter is the longest jitter that a schedule can have.
const MaxJitter = 24 * time.Hour

// Overlap says what a schedule does at its time while its run before has not ended.
type Overlap string

const (
	OverlapSkip    Overlap = "skip"    // nothing
	OverlapQueue   Overlap = "queue"   // the run waits for the end of those before
	OverlapReplace Overlap = "replace" // the run before is cancelled, and this one waits for its end
	OverlapAllow   Overlap = "allow"   // they run side by side
)

// Missed says what a schedule does about times that have passed while no server ran.
type Missed string

const (
	MissedSkip   Missed = "skip"   // nothing
	MissedLatest Missed = "latest" // one run, for the latest of them
	MissedAll    Missed = "all"    // a run for each of them, up to a bound
)

// A Trigger starts runs of its workflow when something happens. One of Webhook and Twin is set.
type Trigger struct {
	Pos     Pos
	ID      string // within the workflow, of a webhook within the server; where a twin trigger has none: its number
	Webhook *Webhook
	Twin    *TwinTrigger
	Inputs  []Named[*Value] // over run.trigger, and twin in a twin trigger
}

// A Webhook starts a run when somebody sends a request to the server's /api/v1/hooks/ID.
type Webhook struct {
	Secret    string // the name of a secret in the configuration, that signs requests or comes as their bearer token; empty: the server's own tokens
	SecretPos Pos
}

// A TwinTrigger starts a run for a device when its twin begins to meet a condition, and again once it did not in between.
type TwinTrigger struct {
	Where    *Expression // over twin
	Hub      string      // whose devices; empty: those of the workflow's hub
	HubPos   Pos
	Debounce time.Duration // how long the condition must have held without a break
}

// Concurrency bounds how many runs with the same key are under way at the same time, in one journal.
type Concurrency struct {
	Pos      Pos
	Key      *Value // over inputs and run
	Limit    int    // 1 unless given
	WhenFull WhenFull
}
