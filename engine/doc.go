// Package engine is the language: from a file to a checked program, and from a program and what has
// happened so far to what is to be done next.
//
// Compile turns YAML into a Program, or into Problems that each know their place in the file. A Run
// of a Program is asked with Next: events in, commands out, or how the run ended.
//
// What a run waits for people to tell it, signals and approvals, and for its turn, is decided here, too: see Ask and
// RunAdmitted. What starts runs is read and checked here (Schedule, Trigger), and looked out for elsewhere.
//
// Trace tells from a run's events what was done and what it waits for; Retrace says what of a run that
// failed holds for another one that does the rest.
//
// The promise: the same program and the same events give the same decisions, so a run may be stopped
// after any event and continued. Nothing here does I/O, reads a clock or starts a goroutine; time
// comes with events. Values that enter a run are JSON.
//
// What it is not: it knows no device and no hub (that is what step types are for: see Define), it
// carries nothing out (package runner) and keeps nothing (package journal). Expressions are a room of
// their own: package expr.
package engine
