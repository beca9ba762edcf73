package expr

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// An evaluation may do about a second of work and build so much text; then it is an error.
// Data comes from devices, and one of them must not be able to stop everybody's runs.
const (
	maxWork      = 100_000_000 // in units of very roughly 10 ns
	maxTextBytes = 1 << 20     // of one text
	maxTextTotal = 16 << 20    // of all texts that one evaluation builds
	maxDepth     = 1000        // of objects and lists inside each other
	maxListItems = 1_000_000   // of one list

	workPerItem  = 100 // an item that any, filter, a comparison, diff or toJSON visits
	workPerState = 8   // a character of a text in one state of a regular expression
)

// An evaluation is one run of an expression: what it may see, and what it has used up.
type evaluation struct {
	env  Env
	work int64
	text int64
}

// spend counts work and ends an evaluation that does too much.
func (ev *evaluation) spend(units int) error {
	if ev.work += int64(units); ev.work > maxWork {
		return faultf("takes too much work: the data it looks at is too large for it")
	}
	return nil
}

// grow counts a text that is about to be built.
func (ev *evaluation) grow(bytes int) error {
	ev.text += int64(bytes)
	if bytes > maxTextBytes || ev.text > maxTextTotal {
		return faultf("builds a text of more than 1 MiB")
	}
	return ev.spend(bytes / 8)
}

// scan counts a text that is about to be read through.
func (ev *evaluation) scan(text string) error { return ev.spend(len(text) / 8) }

// measure counts all of a value and refuses one that is nested too deeply for recursion.
func (ev *evaluation) measure(value any, depth int) error {
	if depth > maxDepth {
		return tooDeep()
	}
	if err := ev.spend(workPerItem); err != nil {
		return err
	}
	switch value := value.(type) {
	case string:
		return ev.scan(value)
	case map[string]any:
		for _, member := range value {
			if err := ev.measure(member, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range value {
			if err := ev.measure(item, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func tooDeep() error { return faultf("meets data nested more than %d levels deep", maxDepth) }

// A pattern is a regular expression and what a character costs it. Go's never goes back, so
// a match takes at most the length of the text times that.
type pattern struct {
	re   *regexp.Regexp
	cost int
}

func compilePattern(text string) (*pattern, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression: %s", Shorten(text, 60), regexpReason(err))
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	return &pattern{re, len(prog.Inst)}, nil
}

func regexpReason(err error) string {
	if e, ok := err.(*syntax.Error); ok {
		return fmt.Sprintf("%s in %q", e.Code, e.Expr)
	}
	return err.Error()
}

func (p *pattern) match(ev *evaluation, text string) (any, error) {
	if err := ev.spend(len(text) * p.cost * workPerState); err != nil {
		return nil, err
	}
	return p.re.MatchString(text), nil
}
