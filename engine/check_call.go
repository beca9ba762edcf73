package engine

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// calls compiles every workflow that this one calls.
func (k *fileCheck) calls(w *Workflow) {
	eachStep(w, func(s *Step) {
		if s.Call != nil && s.Call.Path != "" {
			k.call(s)
		}
	})
}

func (k *fileCheck) call(s *Step) {
	file, ok := k.callFile(s)
	if !ok {
		return
	}
	p, known := k.compiler.done[file]
	if !known {
		source, err := k.compiler.options.Read(file)
		if err != nil {
			k.wrongCall(s, "", "cannot read %s: %v", s.Call.Path, err)
			return
		}
		p = k.compiler.compile(file, source)
	}
	if p != nil {
		s.Call.Program = p
		k.program.calls = append(k.program.calls, p)
	}
}

func (k *fileCheck) wrongCall(s *Step, hint, format string, args ...any) {
	k.at(s.Call.PathPos, "", "call", hint, format, args...)
}

// callFile is the file of a call, if it may be called.
func (k *fileCheck) callFile(s *Step) (file string, ok bool) {
	c, name := k.compiler, s.Call.Path
	file = beside(k.file.Name, name)
	root := filepath.Dir(c.stack[0])
	within, err := filepath.Rel(root, file)
	switch {
	case c.options.Read == nil:
		k.wrongCall(s, "", "no workflow can be called here")
	case path.IsAbs(name) || filepath.IsAbs(name) || strings.Contains(name, `\`) || strings.Contains(name, ":"):
		k.wrongCall(s, "write it relative to this file, with /", "the path %s is not beside this file", name)
	case err != nil || within == ".." || strings.HasPrefix(within, ".."+string(filepath.Separator)):
		k.wrongCall(s, "", "the path %s leads out of the folder of %s", name, filepath.Base(c.stack[0]))
	case c.cycle(file) != "":
		k.wrongCall(s, "", "a workflow cannot call itself: %s", c.cycle(file))
	case len(c.stack) >= maxCallDepth:
		k.wrongCall(s, "", "calls are more than %d deep inside each other", maxCallDepth)
	case len(c.done) >= maxFiles:
		k.wrongCall(s, "", "more than %d files are called", maxFiles)
	default:
		return file, true
	}
	return "", false
}

// callInputs holds what a call gives against what the workflow declares.
func (k *fileCheck) callInputs(s *Step, at sight) {
	for _, in := range s.Call.Inputs {
		k.value(in.Value, KindAny, at, nullFails)
	}
	if s.Call.Program == nil {
		return
	}
	for _, want := range k.givenInputs(s.Call.Inputs, s.Call.Program.Workflow.Inputs, s.Call.Path) {
		k.wrongCall(s, "add it under inputs:", "%s needs the input %s; %s", s.Call.Path, want.Name, want.Value.wants())
	}
}

// givenInputs holds inputs that a file gives against those that a workflow declares; missing are those that are
// required and not given.
func (k *fileCheck) givenInputs(inputs []Named[*Value], wants []Named[*Input], of string) (missing []Named[*Input]) {
	given := map[string]bool{}
	declared := make([]string, len(wants))
	for i, want := range wants {
		declared[i] = want.Name
	}
	for _, in := range inputs {
		given[in.Name] = true
		for _, want := range wants {
			if want.Name == in.Name {
				k.givenInput(in, want.Value)
			}
		}
		if !contains(declared, in.Name) {
			k.at(in.Pos, in.Name, "unknown-input", Meant(in.Name, declared), "%s has no input %s", of, in.Name)
		}
	}
	for _, want := range wants {
		if want.Value.Required && !given[want.Name] {
			missing = append(missing, want)
		}
	}
	return missing
}

func (k *fileCheck) givenInput(in Named[*Value], want *Input) {
	if value, constant := in.Value.Constant(); constant {
		if _, err := want.accept(value); err != nil {
			hint := ""
			if _, text := value.(string); want.textual() && !text && value != nil {
				hint = "put it in quotes to keep it as text"
			}
			k.at(in.Value.Pos, "", "wrong-value", hint, "input %s: %v", in.Name, err)
		}
		return
	}
	e := in.Value.Whole()
	if e == nil || e.Expr == nil {
		return
	}
	got, wanted := e.Expr.Type().Kind, want.Type.valueType().Kind
	textual := wanted == expr.String && (got == expr.Time || got == expr.Duration)
	if got != expr.Any && got != wanted && !textual {
		k.at(e.Pos, e.Source, "wrong-type", "", "input %s: expected %s, but this is %s", in.Name, want.expected(), got)
	}
}
