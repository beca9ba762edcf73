package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// randomProgram writes a workflow with every way to put steps together.
func randomProgram(r *rand.Rand) string { return writeProgram(&generator{r: r}) }

// calmProgram writes one whose end does not depend on who is first: no timeouts, and nobody ends others.
func calmProgram(r *rand.Rand) string { return writeProgram(&generator{r: r, calm: true}) }

// plainProgram writes a calm one in which nothing depends on outcomes or on how often something was tried.
func plainProgram(r *rand.Rand) string {
	return writeProgram(&generator{r: r, calm: true, plain: true})
}

func writeProgram(g *generator) string {
	g.line(0, "version: 1")
	g.line(0, "workflow: random")
	g.line(0, "vars: { n: 0 }")
	if g.r.IntN(3) == 0 && !g.calm {
		g.line(0, "timeout: %ds", 1+g.r.IntN(60))
	} else {
		g.line(0, "timeout: 10h")
	}
	g.line(0, "steps:")
	g.steps(1, 0)
	g.around(0, 0)
	g.line(0, "outputs: { n: \"${{ vars.n }}\" }")
	return g.b.String()
}

type generator struct {
	r      *rand.Rand
	b      strings.Builder
	id     int
	shared int // > 0 inside something concurrent, where variables outside must not be set
	calm   bool
	plain  bool
}

func (g *generator) line(indent int, format string, args ...any) {
	fmt.Fprintf(&g.b, strings.Repeat("  ", indent)+format+"\n", args...)
}

func (g *generator) steps(indent, depth int) {
	for range 1 + g.r.IntN(3) {
		g.step(indent, depth)
	}
}

func (g *generator) around(indent, depth int) {
	if g.r.IntN(3) == 0 && !g.plain {
		if g.r.IntN(2) == 0 {
			g.line(indent, "catch:")
			g.steps(indent+1, depth+2)
		} else {
			g.line(indent, "catch:")
			g.line(indent+1, "on: [offline, timeout, rejected]")
			g.line(indent+1, "steps:")
			g.steps(indent+2, depth+2)
		}
	}
	if g.r.IntN(3) == 0 {
		g.line(indent, "finally:")
		g.steps(indent+1, depth+2)
	}
}

// step writes one step; indent is that of its list.
func (g *generator) step(indent, depth int) {
	g.id++
	g.line(indent, "- id: s%d", g.id)
	in := indent + 1
	if g.r.IntN(6) == 0 {
		g.line(in, "if: vars.n >= %d", g.r.IntN(3))
	}
	if g.r.IntN(8) == 0 && !g.plain {
		g.line(in, "continueOnError: true")
	}
	kind := g.r.IntN(16)
	if depth > 3 {
		kind = g.r.IntN(9)
	}
	g.common(in, kind)
	switch kind {
	case 0, 1:
		g.line(in, "act: { n: \"${{ vars.n }}\" }")
	case 2:
		g.line(in, "ask: { n: %d }", g.id)
	case 3:
		g.line(in, "read: {}")
	case 4:
		g.wait(in)
	case 5:
		g.line(in, "sleep: %ds", 1+g.r.IntN(20))
	case 6:
		if g.shared > 0 {
			g.line(in, "log: in s%d", g.id)
		} else {
			g.line(in, "set: { n: \"${{ vars.n + 1 }}\" }")
		}
	case 7:
		g.line(in, "assert: vars.n < %d", g.r.IntN(6))
	case 8:
		if g.r.IntN(4) > 0 || g.calm && g.shared > 0 {
			g.line(in, "read: { n: 1 }")
		} else {
			g.line(in, "%s: enough", []string{"fail", "stop"}[g.r.IntN(2)])
		}
	default:
		g.flow(in, depth, kind)
	}
}

// wait writes an action that waits for what the world or somebody says.
func (g *generator) wait(in int) {
	switch g.r.IntN(4) {
	case 0:
		g.line(in, "watch: {}")
	case 1:
		g.line(in, "hear: {}")
	case 2:
		g.line(in, "waitForSignal: %s", signalNames[g.r.IntN(len(signalNames))])
	case 3:
		g.line(in, "approve: go on with ${{ vars.n }}")
	}
}

// signalNames are what random programs wait for.
var signalNames = []string{"left", "right"}

func (g *generator) common(in, kind int) {
	if kind != 6 && kind != 7 && kind != 8 && g.r.IntN(4) == 0 && !g.calm {
		g.line(in, "timeout: %ds", 1+g.r.IntN(40))
	}
	if (kind < 5 || kind > 8 && !g.plain) && g.r.IntN(4) == 0 {
		on := []string{"", ", on: [offline, timeout, interrupted]", ", on: [unavailable]"}[g.r.IntN(3)]
		g.line(in, "retry: { attempts: %d, delay: %ds%s }", 1+g.r.IntN(4), 1+g.r.IntN(9), on)
	}
}

func (g *generator) flow(in, depth, kind int) {
	switch kind {
	case 9, 10, 11:
		g.line(in, "steps:")
		g.steps(in+1, depth+1)
		g.around(in, depth)
	case 12:
		g.shared++
		g.line(in, "parallel:")
		if g.r.IntN(2) == 0 || g.calm {
			g.line(in+1, "failFast: false")
		}
		for b := range 1 + g.r.IntN(3) {
			g.line(in+1, "b%d:", b)
			g.steps(in+2, depth+2)
		}
		g.shared--
	case 13, 14:
		g.shared++
		g.line(in, "forEach:")
		g.line(in+1, "in: [1, 2, 3, 4]")
		g.line(in+1, "concurrency: %d", 1+g.r.IntN(3))
		if g.r.IntN(2) == 0 || g.calm {
			g.line(in+1, "failFast: false")
		}
		g.line(in+1, "as: item%d", g.id)
		g.line(in+1, "steps:")
		g.steps(in+2, depth+2)
		g.shared--
	default:
		g.line(in, "repeat:")
		g.line(in+1, "until: index >= %d", g.r.IntN(3))
		g.line(in+1, "max: %d", 1+g.r.IntN(3))
		if g.r.IntN(2) == 0 {
			g.line(in+1, "every: 5s")
		}
		g.line(in+1, "steps:")
		g.steps(in+2, depth+2)
	}
}
