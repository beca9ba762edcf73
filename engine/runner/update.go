package runner

import (
	"time"

	"github.com/twinbook/twinbook/engine"
)

// An Update is something to show about a run. One of Start, Note, Progress, End and Err is set.
type Update struct {
	Run      string // its id
	Time     time.Time
	Start    *engine.RunStart // the run began; with Resumed, it goes on here
	Resumed  bool
	Note     *engine.Note // the planner has decided something
	Progress *Progress
	End      *engine.Outcome // the run ended
	Err      error           // the run was stopped without an ending, and why
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
	u.Run = l.info.ID
	l.config.Observe(u)
}

func (l *loop) observeNotes(notes []engine.Note) {
	for i := range notes {
		l.observe(Update{Time: notes[i].Time, Note: &notes[i]})
	}
}
