package engine

// ask waits for what somebody tells the run.
func (l *leafRun) ask(t *StepType, params resolved) {
	asked, err := t.asks(params)
	if err != nil {
		l.end(result{status: Failed, err: asFailure(err)})
		return
	}
	timeout, bounded, failure := l.timeout()
	if failure != nil {
		l.end(result{status: Failed, err: failure})
		return
	}
	asked.At, asked.Title, asked.Device, asked.Since = l.at, l.s.title, l.s.scope.device(), l.s.r.now
	if bounded {
		asked.Deadline = l.s.r.now.Add(timeout)
	}
	l.s.delivery = t.Delivery
	c := Command{At: l.at, Step: l.s.step, Type: t, Params: params.values, Device: asked.Device, Deadline: asked.Deadline}
	there := l.s.r.ask(&asked, c, func(e Event) {
		l.s.r.stopTimer(l.deadline())
		l.answer(e)
	})
	if !there && bounded {
		there = l.s.r.command(Command{Kind: CommandTimer, At: l.deadline(), Due: asked.Deadline}, func(e Event) {
			l.closeAsk()
			l.done(l.keep(e, result{status: Failed, err: asked.unanswered(timeout)}))
		})
	}
	if !there {
		l.s.r.note(l.s.about(Note{Kind: NoteAsks, Due: asked.Deadline, Ask: &asked}))
	}
}

// deadline is the timer of an attempt that waits to be told something.
func (l *leafRun) deadline() Address { return l.at + "!timeout" }

// closeAsk ends the wait to be told something.
func (l *leafRun) closeAsk() {
	l.s.r.close(l.s.r.pending[l.at])
	l.s.r.stopTimer(l.deadline())
}
