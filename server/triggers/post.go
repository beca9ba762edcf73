package triggers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twinbook/twinbook/hub"
)

// A post is where all triggers of a hub look out. It is a hub.Onlooker.
type post struct {
	lookout *Lookout
	hub     string
	stop    func()
	left    bool
	blind   time.Time // since then the hub cannot be read; zero: it can
	told    time.Time // when that was told of the last time

	sentries map[string]*sentry // by the ids of their triggers
}

// adopt is the sentry of a trigger: the one that stood there before with a new order, or a new one.
func (p *post) adopt(ctx context.Context, l *Lookout, t Trigger) (*sentry, error) {
	if p != nil {
		l.mu.Lock()
		s := p.sentries[t.ID]
		l.mu.Unlock()
		if s != nil {
			return s.ordered(t), nil
		}
	}
	s := &sentry{lookout: l, trigger: t, devices: map[string]*guest{}, fresh: true}
	for m, err := range l.config.Store.Marks(ctx, s.scope()) {
		if err != nil {
			return nil, fmt.Errorf("trigger %s: for which devices it has fired could not be read: %w", t.ID, err)
		}
		s.devices[m.Name] = &guest{sentry: s, device: m.Name, phase: fired, holds: true, unseen: true}
	}
	return s, nil
}

// replace gives a post sentries that all know its devices.
func (p *post) replace(sentries map[string]*sentry) {
	p.lookout.mu.Lock()
	defer p.lookout.mu.Unlock()
	for id, s := range p.sentries {
		if sentries[id] != s {
			s.retire()
		}
	}
	p.sentries = sentries
}

// doubt has devices that are known already told of again. mu is held.
func (p *post) doubt() {
	for _, s := range p.sentries {
		for _, g := range s.devices {
			g.unseen = true
		}
	}
}

// leave ends the post's watch. Sentries that stand elsewhere now stay in force.
func (p *post) leave() {
	p.lookout.mu.Lock()
	p.left = true
	stop := p.stop
	for _, s := range p.sentries {
		if now := p.lookout.posts[p.hub]; now == nil || now.sentries[s.trigger.ID] != s {
			s.retire()
		}
	}
	p.lookout.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// all calls f for each sentry, in the order of their ids.
func (p *post) all(f func(*sentry)) {
	p.lookout.mu.Lock()
	defer p.lookout.mu.Unlock()
	if p.left {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(p.sentries)) {
		f(p.sentries[id])
	}
}

func (p *post) Twin(t hub.Twin) { p.all(func(s *sentry) { s.look(t) }) }

func (p *post) Gone(device string) {
	p.all(func(s *sentry) {
		if g := s.devices[device]; g != nil {
			g.now(false)
		}
	})
}

// Seen tells that devices nobody has told of are not there any more.
func (p *post) Seen() {
	p.Recovered() // where the trouble was that of the post before
	p.all(func(s *sentry) {
		s.fresh = false
		for _, device := range slices.Sorted(maps.Keys(s.devices)) {
			if g := s.devices[device]; g.unseen {
				g.now(false)
			}
		}
	})
}

// Trouble tells that triggers see nothing: at once, and then rarely.
func (p *post) Trouble(err error) {
	l, now := p.lookout, p.lookout.config.Clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.blind.IsZero() {
		p.blind = now
	}
	if p.left || !p.told.IsZero() && now.Sub(p.told) < blindAgain {
		return
	}
	p.told = now
	p.tell(Blind, err)
}

// Recovered tells that triggers see again.
func (p *post) Recovered() {
	p.lookout.mu.Lock()
	defer p.lookout.mu.Unlock()
	if p.left || p.blind.IsZero() {
		return
	}
	p.tell(Sighted, nil)
	p.blind, p.told = time.Time{}, time.Time{}
}

// tell tells something about all triggers of the hub. mu is held.
func (p *post) tell(kind EventKind, err error) {
	c := p.lookout.config
	c.Observe(Event{Kind: kind, Triggers: slices.Sorted(maps.Keys(p.sentries)), Hub: p.hub, Err: err, Since: c.Clock.Now().Sub(p.blind)})
}
