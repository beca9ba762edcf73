package main

import (
	"context"
	"sync"
	"time"
)

// lastWords is how long a program that is ended at once may still take to say what it leaves behind.
const lastWords = time.Second

// A parting is what is still done when a second signal ends the program at once.
type parting struct {
	mu  sync.Mutex // guards act
	act func()
}

type partingKey struct{}

// withParting gives commands a parting to say something by.
func withParting(ctx context.Context, p *parting) context.Context {
	return context.WithValue(ctx, partingKey{}, p)
}

// atParting has act done if a second signal ends the program, until over.
func atParting(ctx context.Context, act func()) (over func()) {
	p, ok := ctx.Value(partingKey{}).(*parting)
	if !ok {
		return func() {}
	}
	p.set(act)
	return func() { p.set(nil) }
}

func (p *parting) set(act func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.act = act
}

// leave does what is to be done, but not for long: a terminal may be held by Ctrl-S.
func (p *parting) leave() {
	p.mu.Lock()
	act := p.act
	p.mu.Unlock()
	if act == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		act()
	}()
	select {
	case <-done:
	case <-time.After(lastWords):
	}
}
