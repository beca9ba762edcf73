package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

// randomProgram is a tree whose outcome does not depend on time: steps may fail for good, but none
// ends another early.
func randomProgram(seed uint64) *engine.Program {
	g := &generator{chance: rand.New(rand.NewPCG(seed, 1))}
	p := program(g.steps(3)...)
	if g.chance.IntN(2) == 0 {
		p.Workflow.Finally = &engine.Finally{Steps: g.steps(1)}
	}
	return p
}

type generator struct {
	chance *rand.Rand
	ids    int
}

func (g *generator) steps(depth int) []*engine.Step {
	steps := make([]*engine.Step, 1+g.chance.IntN(3))
	for i := range steps {
		steps[i] = g.step(depth)
	}
	return steps
}

func (g *generator) step(depth int) *engine.Step {
	g.ids++
	id := fmt.Sprint("s", g.ids)
	kind := g.chance.IntN(10)
	if depth == 0 {
		kind %= 5
	}
	var s *engine.Step
	switch kind {
	case 0, 1:
		s = do(id, read)
	case 2:
		s = do(id, repeatable, retry(2))
	case 3:
		s = sleep(id, fmt.Sprint(g.chance.IntN(3), "s"))
	case 4:
		s = do(id, await)
	case 5, 6:
		s = parallel(id, g.steps(depth-1), g.steps(depth-1))
		s.Parallel.FailFast = false
	case 7:
		s = each(id, g.chance.IntN(4), 1+g.chance.IntN(3), g.steps(depth-1)...)
		s.ForEach.FailFast = false
	default:
		s = &engine.Step{ID: id, Action: "steps", Steps: g.steps(depth - 1)}
		if g.chance.IntN(2) == 0 {
			s.Catch = &engine.Catch{Steps: g.steps(0)}
		}
		if g.chance.IntN(2) == 0 {
			s.Finally = &engine.Finally{Steps: g.steps(0)}
		}
	}
	s.ContinueOnError = g.chance.IntN(4) == 0
	return s
}

// wilder makes a random program of one in which steps end each other: by failFast, timeouts, fail and stop.
func wilder(p *engine.Program, seed uint64) *engine.Program {
	chance := rand.New(rand.NewPCG(seed, 2))
	var visit func([]*engine.Step)
	visit = func(steps []*engine.Step) {
		for _, s := range steps {
			switch {
			case s.Parallel != nil:
				s.Parallel.FailFast = chance.IntN(2) == 0
				for _, b := range s.Parallel.Branches {
					visit(b.Value)
				}
			case s.ForEach != nil:
				s.ForEach.FailFast = chance.IntN(2) == 0
				visit(s.ForEach.Steps)
			case s.Do != nil && s.Do.Type != engine.Sleep:
				switch chance.IntN(12) {
				case 0:
					*s = *do(s.ID, engine.Fail, text(literal("enough")))
				case 1:
					*s = *do(s.ID, engine.Stop, text(literal("enough")))
				case 2, 3, 4:
					s.Do.Type, s.Action = once, once.Name
				}
			}
			visit(s.Steps)
			if s.Finally != nil {
				visit(s.Finally.Steps)
			}
			if chance.IntN(5) == 0 {
				timeout(fmt.Sprint(chance.IntN(4000), "ms"))(s)
			}
			if s.Do == nil && chance.IntN(4) == 0 {
				retry(2)(s)
				s.Retry.OnGiven, s.Retry.On = true, []engine.ErrorKind{engine.KindTimeout, engine.KindRejected}
			}
		}
	}
	visit(p.Workflow.Steps)
	if chance.IntN(4) == 0 {
		p.Workflow.Timeout = literal("5s")
	}
	return p
}

// busyWorld takes times and fails as seed says, by address alone.
func busyWorld(c clock.Clock, seed uint64) func(context.Context, engine.RunStart, engine.Command, func(string)) (any, error) {
	return func(ctx context.Context, _ engine.RunStart, cmd engine.Command, waiting func(string)) (any, error) {
		chance := rand.New(rand.NewPCG(seed, uint64(hashOf(string(cmd.At)))))
		waiting("thinking")
		if err := clock.Sleep(ctx, c, time.Duration(chance.IntN(1500))*time.Millisecond); err != nil {
			return nil, err
		}
		return answerOf(cmd.Type, chance)
	}
}

func answerOf(typ *engine.StepType, chance *rand.Rand) (any, error) {
	switch luck := chance.IntN(24); {
	case luck == 0 && typ != once:
		return nil, &engine.Error{Kind: engine.KindRejected, Message: "no"}
	case luck < 7 && typ != once:
		return nil, &engine.Error{Kind: engine.KindUnavailable, Message: "no answer"}
	}
	return map[string]any{"value": chance.Float64()}, nil
}

// busyWatch answers after a time and in a way that seed says, by address alone.
func busyWatch(c clock.Clock, seed uint64) func(engine.RunStart, engine.Command, func(string), func(any, error)) func(error) {
	return func(_ engine.RunStart, cmd engine.Command, waiting func(string), answer func(any, error)) func(error) {
		chance := rand.New(rand.NewPCG(seed, uint64(hashOf(string(cmd.At)))))
		typ := cmd.Type
		waiting("watching")
		unset := c.After(time.Duration(chance.IntN(4000))*time.Millisecond, func() { answer(answerOf(typ, chance)) })
		return func(cause error) {
			unset()
			answer(nil, fmt.Errorf("still waiting: %w", cause))
		}
	}
}

func hashOf(text string) (h uint32) {
	for _, c := range text {
		h = h*31 + uint32(c)
	}
	return h
}
