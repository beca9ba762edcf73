package main

import "fmt"

// A process that dies while it makes the journal, before any of its writes, leaves one that the next process opens.
func (k *killing) whileTheJournalIsMade() {
	k.killedAt(stride(k.t, 7), func(n int) (killed bool) {
		death := fmt.Sprint("write ", n)
		return k.lead(k.newLifeWithout(short, "without a journal, "+death), death) > 0
	})
}

// A process that dies while it fills the database from the log, before any write of that, leaves both with all they
// had: also the run that another one has left under way.
func (k *killing) inACheckpoint() {
	k.killedAt(stride(k.t, 4), func(n int) (killed bool) {
		death := fmt.Sprint("database ", n)
		l := k.newLife(scenes[0], "beside one that dies at "+death)
		l.look(l.process("next 4", l.begin()...))
		l.lookOn(l.process(death, "run", short.file)) // it is the last one, so it fills the database as it closes
		if l.over() || len(l.now) == 0 {
			l.errorf("the run was to be under way:\n%s", journalText(l.now))
		}
		return k.lead(l) > 1
	})
}
