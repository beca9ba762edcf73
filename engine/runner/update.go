package runner

import (
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// An Update is something to show about a run. One of Start, Request, Note, Progress, End and Err is set.
type Update struct {
	Run      string // its id
	Time     time.Time
	Start    *engine.RunStart // the run began; with Resumed, it goes on here
	Resumed  bool
	Queued   bool          // with Start: it waits for its turn, and nothing of it has begun
	Request  *engine.Event // somebody wants something of it, or has told it something: By and Reason say who and why; RunAdmitted: its turn has come
	Note     *engine.Note  // the planner has decided something
	Progress *Progress
	End      *engine.Outcome  // the run ended
	Err      error            // the run was stopped without an ending, and why
	CutOff   []engine.Command // with Err: effects that a drained runner could not wait for, by address: they may have happened

	// What is known of the run, so that who listens need not remember runs that wait for weeks; not of Progress, and
	// of Err where the run was parked only its ID and its workflow's name.
	Info  *engine.RunStart // nil: nothing
	Asked time.Time        // when somebody asked for it
	Began time.Time        // when its first step could begin; zero: not yet
}

// Progress is what a waiting step sees.
type Progress struct {
	At     engine.Address
	Step   *engine.Step
	Title  string
	Device string // empty: none in scope
	Text   string
}

func (l *loop) observe(u Update) {
	u.Run = l.id
	if l.plan != nil {
		u.Info, u.Asked, u.Began = &l.info, l.born, l.plan.Started()
	}
	l.config.Observe(u)
}

func (l *loop) observeNotes(notes []engine.Note) {
	for i := range notes {
		l.observe(Update{Time: notes[i].Time, Note: &notes[i]})
	}
}

func (l *loop) observeRequests(events []engine.Event) {
	for i := range events {
		if isRequest(events[i].Kind) {
			l.observe(Update{Time: events[i].Time, Request: &events[i]})
		}
	}
}

// show tells people what a waiting step sees since at, here and where the journal is read.
func (r *Runner) show(run string, at time.Time, p Progress) {
	if p.Text == "" {
		return
	}
	r.config.Journal.See(run, journal.Sight{At: p.At, Text: p.Text, Since: at})
	r.config.Observe(Update{Run: run, Time: at, Progress: &p})
}

// A glimpse is what a step sees until it is passed on. A step that tells faster than people are told is
// heard with its latest words.
type glimpse struct {
	mu   sync.Mutex // guards what follows
	text string
	at   time.Time
}

// set says whether somebody has to be sent for the text.
func (g *glimpse) set(text string, at time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := g.text == "" && text != ""
	g.text, g.at = text, at
	return first
}

func (g *glimpse) take() (string, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text := g.text
	g.text = ""
	return text, g.at
}
