package engine

import (
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// A Run decides what one execution of a program does. It is a pure function of the run's events:
// it does no I/O, knows no clock and starts no goroutine. Stop anywhere, feed the same events to a
// new Run, and its decisions are the same.
//
// A Run is not safe for concurrent use.
type Run struct {
	program   *Program
	around    Surroundings
	info      RunStart
	started   time.Time
	now       time.Time
	root      *frameRun
	pending   map[Address]*pending
	issued    int
	asks      []*pending // those of them that are no command of the driver's, in their order
	queue     []func()
	tolerated int
	known     bool               // RunStarted has come
	queued    bool               // it waits for RunAdmitted
	signals   map[string][]Event // that no step has taken; see plan_ask.go
	unheard   int                // how many these are
	paused    bool               // see plan_pause.go
	held      []*gate            // in the order in which their turn came
	cancelled bool
	kept      map[Address][]memory // see plan_kept.go
	recalled  []memory             // those whose commands are there
	memories  int
	decision  Decision
	tracer    *tracer // nil: nobody listens
	machine   expr.Machine
}

// A Decision is what follows from the events just applied.
type Decision struct {
	Commands []Command // in a fixed order
	Notes    []Note
	End      *Outcome // the run is over; nothing is under way any more
}

// pending is a command whose answer has not come.
type pending struct {
	command Command
	number  int
	answer  func(Event)
	kept    bool // its answer is there already
	ask     *Ask // it is no command of the driver's: somebody has to say something
}

// Surroundings are what a program sees beside the language's own names where it is part of something
// larger, as the steps of a simulated device are. A run that is to be repeated from its events has none.
type Surroundings struct {
	Names map[string]any        // names that keep their values
	Live  func() map[string]any // more names; asked each time an expression is evaluated. nil: none
	Noise func() float64        // what noise() gives; nil: there is none
}

// NewRun makes a run of a program; its first event must be RunStarted.
func NewRun(p *Program) *Run { return NewRunIn(p, Surroundings{}) }

// NewRunIn makes a run of a program that sees more than the language's own names.
func NewRunIn(p *Program, around Surroundings) *Run {
	return &Run{program: p, around: around, pending: map[Address]*pending{}}
}

// Next applies events and says what to start now, or how the run ended. Events that the journal has
// numbered are applied in that order; others by time and address, so that their order in the call
// does not matter, but for RunStarted, which is the first. Answers nobody waits for any more are ignored.
func (r *Run) Next(news ...Event) Decision {
	if len(news) > 1 && !slices.IsSortedFunc(news, eventOrder) {
		news = slices.Clone(news)
		slices.SortStableFunc(news, eventOrder)
	}
	r.decision = Decision{}
	r.remember(news)
	r.recall()
	for _, e := range news {
		if !e.Kept {
			r.apply(e)
			r.recall()
			if e.Kind == RunStarted || e.Kind == RunAdmitted {
				r.leaveOutWhatIsOver()
			}
		}
	}
	return r.decision
}

// Started is when the run began; zero: it has not, or is queued.
func (r *Run) Started() time.Time { return r.started }

// Outstanding are the commands that wait for an answer, in the order they were given.
func (r *Run) Outstanding() []Command {
	all := make([]*pending, 0, len(r.pending))
	for _, p := range r.pending {
		if p.ask == nil {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *pending) int { return a.number - b.number })
	commands := make([]Command, len(all))
	for i, p := range all {
		commands[i] = p.command
	}
	return commands
}

func (r *Run) apply(e Event) {
	if e.Kind == StepStarted {
		return // who drives the run says that it obeys: that decides nothing, and moves no time
	}
	if e.Time.After(r.now) {
		r.now = e.Time
	}
	switch e.Kind {
	case RunStarted:
		if !r.known && e.Start != nil {
			r.known, r.info, r.queued = true, *e.Start, e.Start.Queued
			if !r.queued {
				r.start()
			}
		}
	case RunAdmitted:
		r.admit(e)
	case SignalReceived:
		r.receive(e)
	case StepDone, TimerFired:
		r.answer(e)
	case CancelRequested:
		r.cancel(e)
	case PauseRequested:
		r.pause(e)
	case ResumeRequested:
		r.resume(e)
	}
	r.drain()
}

// answer gives an event to whoever waits for it.
func (r *Run) answer(e Event) {
	p := r.pending[e.At]
	if p == nil || !e.answers(p.command) || p.kept && !e.Kept {
		return
	}
	r.close(p)
	if r.tracer != nil {
		r.tracer.answered(p.command, e)
	}
	p.answer(e)
}

// close has nobody wait for an answer any more.
func (r *Run) close(p *pending) {
	delete(r.pending, p.command.At)
	if p.ask != nil {
		r.asks = slices.DeleteFunc(r.asks, func(other *pending) bool { return other == p })
	}
}

// admit begins a run that was queued; all its times count from now on.
func (r *Run) admit(e Event) {
	if !r.queued {
		return
	}
	r.queued = false
	r.note(Note{Kind: NoteAdmitted})
	r.start()
}

// Queued says whether the run waits for its turn: nothing of it has begun.
func (r *Run) Queued() bool { return r.queued }

func (r *Run) start() {
	r.started = r.now
	r.root = newFrame(r, r.program, "", nil)
	r.root.extra = r.around.Names
	r.root.start(r.info.Inputs, r.finish)
}

func (r *Run) finish(res result) {
	end := &Outcome{Status: res.status, Error: res.err, Tolerated: r.tolerated, Outputs: res.outputs}
	if res.end != nil {
		end.Message = res.end.Message
	}
	r.decision.End = end
}

// post runs f after what runs now, so that long lists of steps need no deep stack.
func (r *Run) post(f func()) { r.queue = append(r.queue, f) }

// turnLength bounds what is decided in one go. A loop over steps that need no world would otherwise
// keep everybody waiting: its own timeout, a cancel, whoever drives the run.
const turnLength = 10_000

// turn is the timer that goes on with what is left; a millisecond later, so that virtual time passes, too.
const turn = Address("!turn")

func (r *Run) drain() {
	for i := 0; i < len(r.queue); i++ {
		if i == turnLength {
			r.queue = slices.Delete(r.queue, 0, i)
			if r.pending[turn] == nil {
				r.timer(turn, r.now.Add(time.Millisecond), func() {})
			}
			return
		}
		f := r.queue[i]
		r.queue[i] = nil
		f()
	}
	r.queue = r.queue[:0]
	r.stopTimer(turn)
}

// command gives a command and remembers who gets its answer. It says whether that is kept from another run.
func (r *Run) command(c Command, answer func(Event)) (kept bool) {
	r.issued++
	p := &pending{command: c, number: r.issued, answer: answer}
	r.pending[c.At] = p
	if r.tracer != nil {
		r.tracer.issued(c)
	}
	if r.recognise(p) {
		return true
	}
	r.decision.Commands = append(r.decision.Commands, c)
	return false
}

// timer asks to be told when it is due.
func (r *Run) timer(at Address, due time.Time, fired func()) {
	r.command(Command{Kind: CommandTimer, At: at, Due: due}, func(Event) { fired() })
}

// stopTimer takes a timer back, if it is still running.
func (r *Run) stopTimer(at Address) {
	p := r.pending[at]
	if p == nil {
		return
	}
	delete(r.pending, at)
	if p.kept {
		return
	}
	r.decision.Commands = append(r.decision.Commands, Command{Kind: CommandStopTimer, At: at})
}

// stopAttempt asks for an attempt to be ended early; its answer is still awaited.
func (r *Run) stopAttempt(at Address) {
	if r.pending[at].kept {
		return
	}
	r.decision.Commands = append(r.decision.Commands, Command{Kind: CommandStop, At: at})
}

func (r *Run) note(n Note) {
	n.Time = r.now
	if r.decision.Notes == nil {
		r.decision.Notes = make([]Note, 0, 2)
	}
	r.decision.Notes = append(r.decision.Notes, n)
	if r.tracer != nil {
		r.tracer.note(n)
	}
}

// result is how a part of the tree ended.
type result struct {
	status    Status
	err       *Error
	end       *End // fail or stop: ends the nearest run
	outputs   map[string]any
	tolerated bool      // failed, and the step says continueOnError
	effect    bool      // something inside is done once and has been, or may have been
	heard     time.Time // where the first step that waits for what happens has stopped; see SinceStepBefore
}

// stops says whether what comes after must not be started.
func (res result) stops() bool {
	return res.end != nil || res.status == Cancelled || res.status == Failed && !res.tolerated
}

var succeeded = result{status: Succeeded}

// cause is why something is ended from outside.
type cause struct{ text string }

func (c cause) result() result {
	return result{status: Cancelled, err: &Error{Kind: KindCancelled, Message: c.text}}
}

// node is a part of the tree that is under way.
type node interface{ cancel(why cause) }
