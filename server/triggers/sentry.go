package triggers

import (
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/hub"
)

// A sentry holds twins against one trigger. Lookout.mu guards it and its guests.
type sentry struct {
	lookout *Lookout
	trigger Trigger
	devices map[string]*guest // those that meet the condition, or did when they were last dealt with
	fresh   bool              // it has not been told of all twins yet
	retired bool
	failed  bool // the condition could not be evaluated the last time
}

// scope is that of the trigger's marks.
func (s *sentry) scope() string { return "twin " + s.trigger.ID }

// ordered changes the sentry's trigger for one of the same id.
func (s *sentry) ordered(t Trigger) *sentry {
	s.lookout.mu.Lock()
	defer s.lookout.mu.Unlock()
	s.trigger = t
	return s
}

// retire forgets devices whose time has not come. What is under way for others goes on.
func (s *sentry) retire() {
	s.retired = true
	for _, g := range s.devices {
		if g.phase == waiting {
			g.stopTimer()
		}
	}
}

// look holds a twin against the condition.
func (s *sentry) look(t hub.Twin) {
	holds, err := s.trigger.Holds(t, s.lookout.config.Clock.Now())
	if err != nil && !s.failed { // once, not for each of very many changes
		s.lookout.config.Observe(s.trigger.event(Unclear, t.Device, err))
	}
	s.failed = err != nil
	g := s.devices[t.Device]
	switch {
	case err != nil && g != nil:
		g.unseen = false
		return
	case err != nil || g == nil && !holds:
		return
	case g == nil:
		g = &guest{sentry: s, device: t.Device}
		s.devices[t.Device] = g
	}
	g.unseen = false
	if holds {
		g.twin = t
	}
	g.now(holds)
}

// A guest is a device that meets a trigger's condition, or has met it.
type guest struct {
	sentry *sentry
	device string
	twin   hub.Twin // the latest that met the condition
	phase  phase
	holds  bool
	dipped bool // the condition was false while a run was being begun
	unseen bool // known from the journal alone
	tries  int

	stopTimer func() bool // of phase waiting
}

// A phase is how far a trigger is with a device.
type phase int

const (
	idle     phase = iota
	waiting        // for the end of the debounce
	starting       // a run is being begun
	fired          // and its mark is set
	clearing       // the mark is being taken away
)

// now tells whether the condition holds.
func (g *guest) now(holds bool) {
	g.holds = holds
	if g.phase == starting && !holds {
		g.dipped = true
	}
	g.settle()
}

// settle does what follows from what is known. While something is under way it waits for its end.
func (g *guest) settle() {
	s := g.sentry
	switch {
	case s.retired:
	case g.phase == idle && g.holds:
		g.wait()
	case g.phase == idle:
		delete(s.devices, g.device)
	case g.phase == waiting && !g.holds:
		g.stopTimer()
		g.phase = idle
		g.settle()
	case g.phase == fired && (!g.holds || g.dipped):
		g.phase, g.dipped = clearing, false
		s.lookout.do(g.clear)
	}
}

// wait begins the debounce.
func (g *guest) wait() {
	l, debounce := g.sentry.lookout, g.sentry.trigger.Debounce
	if debounce <= 0 {
		g.fire()
		return
	}
	g.phase = waiting
	g.stopTimer = l.config.Clock.After(debounce, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if g.phase == waiting && !g.sentry.retired {
			g.fire()
		}
	})
}

// fire has a run begun.
func (g *guest) fire() {
	g.phase, g.dipped = starting, false
	g.sentry.lookout.do(g.start)
}

func (g *guest) mark() journal.Mark {
	return journal.Mark{Scope: g.sentry.scope(), Name: g.device, Time: g.sentry.lookout.config.Clock.Now().Round(0)}
}

// pause is how long a failure is waited out before another try.
func (g *guest) pause() time.Duration {
	g.tries++
	return min(time.Second<<min(g.tries-1, 6), time.Minute)
}
