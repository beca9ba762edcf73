package engine

// What a pause holds and what it does not, as an operator sees it:
//
//   - Nothing further begins: no step, whatever it does, no item or pass of a loop, no other attempt, no
//     catch and no finally. What is under way goes on to its end, and so does a run that only waits for that.
//   - Time goes on. Sleeps end, the delay before another attempt passes, timeouts count. A timeout that is
//     over ends what it bounds as ever, also what is held; the catch or finally that follows is held. The
//     time that a finally has for itself begins with its first step, so that no pause is so long that none
//     of it is done.
//   - ResumeRequested lets begin what was held, in the order in which its turn had come.
//   - CancelRequested ends the pause for good: every finally must run. What asks for a pause after it is late.
//   - A run that is queued can be paused, too: its turn comes all the same, and then its first steps are held.

// A gate is where one part of the tree is held while the run is paused.
type gate struct{ held func() }

// closed says whether something waits here.
func (g *gate) closed() bool { return g.held != nil }

// holds says whether the run is paused; then f is called when what begins here may go on.
func (r *Run) holds(g *gate, f func()) bool {
	if !r.paused {
		return false
	}
	if g.held == nil {
		r.held = append(r.held, g)
	}
	g.held = f
	return true
}

// release lets what is held at one gate go on although the run is paused: it is to end, not to begin.
func (r *Run) release(g *gate) {
	if g.held != nil {
		r.post(g.held)
		g.held = nil
	}
}

// Paused says whether the run is asked to begin nothing further.
func (r *Run) Paused() bool { return r.paused }

func (r *Run) pause(e Event) {
	if !r.known || r.paused || r.cancelled {
		return
	}
	r.paused = true
	r.note(Note{Kind: NotePaused, By: e.By, Reason: e.Reason})
}

func (r *Run) resume(e Event) {
	if !r.paused {
		return
	}
	r.paused = false
	r.note(Note{Kind: NoteResumed, By: e.By, Reason: e.Reason})
	for _, g := range r.held {
		r.release(g)
		r.drain() // of whom all begins before the next one's turn comes
	}
	r.held = nil
}

// cancel ends the run from outside. What it cuts ends before the finally blocks that were held begin. Of a run
// that is queued nothing has begun, so nothing of it has to be done.
func (r *Run) cancel(e Event) {
	why := cause{text: whyCancelled(e)}
	switch {
	case r.queued:
		r.queued, r.cancelled = false, true
		r.resume(e)
		r.finish(why.result())
	case r.root != nil:
		r.cancelled = true
		r.root.cancel(why)
		r.resume(e)
	}
}

// whyCancelled says who asked for a cancel, and why, as far as that is known; it is never empty.
func whyCancelled(e Event) string {
	switch {
	case e.By == "" && e.Reason == "":
		return "asked for"
	case e.By == "":
		return e.Reason
	case e.Reason == "":
		return "asked for by " + e.By
	}
	return "asked for by " + e.By + ": " + e.Reason
}
