package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A Program is a workflow that passed every check.
type Program struct {
	File     string
	Source   []byte
	Hash     string // SHA-256 of Source, in hex
	Workflow *Workflow

	hubs, secrets []Use
	calls         []*Program // each once, in the order of the file

	deviceTags bool      // some expression asks for device.tags
	reader     *StepType // reads them
}

// A Use is a name that a file uses and somebody else defines: a hub, a secret.
type Use struct {
	Name string
	Pos  Pos
}

// Options are what Compile needs beside the file.
type Options struct {
	Types *Types
	// Read gives the source of a called workflow; its path is beside the calling file's. nil: no
	// file can be called.
	Read func(path string) ([]byte, error)
}

// Compile reads a workflow file and all that it calls. Either the program or the problems are nil.
func Compile(file string, source []byte, o Options) (*Program, Problems) {
	c := &compilation{options: o, done: map[string]*Program{}}
	p := c.compile(file, source)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return p, nil
}

// Programs are the program and all that it calls, directly or not, each once.
func (p *Program) Programs() []*Program {
	var all []*Program
	seen := map[*Program]bool{}
	var visit func(*Program)
	visit = func(p *Program) {
		if !seen[p] {
			seen[p] = true
			all = append(all, p)
			for _, called := range p.calls {
				visit(called)
			}
		}
	}
	visit(p)
	return all
}

// Hubs are the hubs that the program and what it calls name, with every place.
func (p *Program) Hubs() []Use {
	return p.uses(func(p *Program) []Use { return p.hubs })
}

// HomeHub is the hub that a run of the program is listed under: usual, that of steps for which nobody names one. Where the
// program and all that it calls name theirs there are no such steps, and it is the one that the program names.
func (p *Program) HomeHub(usual string) string {
	for _, each := range p.Programs() {
		if each.Workflow.Hub == "" {
			return usual
		}
	}
	return p.Workflow.Hub
}

// Secrets are the secrets that the program and what it calls name, with every place.
func (p *Program) Secrets() []Use {
	return p.uses(func(p *Program) []Use { return p.secrets })
}

// Actions are the steps with an action, of the program and what it calls, in the order of the files.
func (p *Program) Actions(action string) []*Step {
	var all []*Step
	for _, each := range p.Programs() {
		eachStep(each.Workflow, func(s *Step) {
			if s.Do != nil && s.Do.Type.Name == action {
				all = append(all, s)
			}
		})
	}
	return all
}

func (p *Program) uses(of func(*Program) []Use) []Use {
	var all []Use
	for _, each := range p.Programs() {
		all = append(all, of(each)...)
	}
	return all
}

// Problem is a problem at a place in the program's files, for checks that only the caller can do:
// a hub that the configuration does not have.
func (p *Program) Problem(at Pos, width int, rule, hint, msg string) Problem {
	problem := Problem{Pos: at, Width: width, Rule: rule, Hint: hint, Msg: msg}
	for _, each := range p.Programs() {
		if each.File == at.File {
			problem.Line = sourceLine(each.Source, at.Line)
			break
		}
	}
	return problem
}

func sourceLine(source []byte, n int) string {
	lines := strings.Split(string(source), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[n-1], "\r")
}

func hash(source []byte) string {
	sum := sha256.Sum256(source)
	return hex.EncodeToString(sum[:])
}
