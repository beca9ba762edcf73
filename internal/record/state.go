package record

import "github.com/twinbook/twinbook/engine/journal"

// A State is what a run is about, in one word for programs; of one that has ended, how.
type State string

const (
	Running State = "running"
	Queued  State = "queued"     // it has not begun: others hold the slots that it needs
	Waiting State = "waiting"    // nothing is under way but waiting
	Paused  State = "paused"     // somebody asked for no further step to begin
	Left    State = "leftBehind" // it has not ended, and no process drives it
)

// StateOf is the state of a run.
func StateOf(r journal.Run) State {
	switch {
	case r.Status != "":
		return State(r.Status)
	case r.Driver == "":
		return Left
	case r.Standing.Paused:
		return Paused
	case r.Standing.Queued:
		return Queued
	case r.Standing.Parked:
		return Waiting
	}
	return Running
}
