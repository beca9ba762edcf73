package expr

import "fmt"

// An Error is an expression that could not be evaluated with the values at hand.
type Error struct {
	Missing bool   // a part that was needed is not there (yet)
	Msg     string // "steps.a.twin.reported.x is missing"
	Source  string // the part of the expression it is about, as text
}

func (e *Error) Error() string { return e.Msg }

// A fault is what goes wrong inside an operator or function. It knows operands by number; what
// they are called in the source is looked up when somebody has to read it.
type fault struct {
	missing bool
	format  string // a %s for each of about
	about   []operand
}

// An operand of the operator or function that failed, with its value.
type operand struct {
	index int
	value any
}

func (f *fault) Error() string { return f.text(func(int) string { return "" }) }

// text fills in the operands; source gives an operand's text, or nothing for a literal.
func (f *fault) text(source func(index int) string) string {
	words := make([]any, len(f.about))
	for i, o := range f.about {
		name := source(o.index)
		switch {
		case f.missing:
			words[i] = name
		case name == "":
			words[i] = valueWord(o.value)
		default:
			words[i] = fmt.Sprintf("%s (%s)", name, valueWord(o.value))
		}
	}
	return fmt.Sprintf(f.format, words...)
}

// missing is the fault of an operand that is nil where a value is needed.
func missing(index int) error {
	return &fault{missing: true, format: "%s is missing", about: []operand{{index, nil}}}
}

// faultf is a fault that is about no operand in particular.
func faultf(format string, args ...any) error {
	return &fault{format: escapePercent(fmt.Sprintf(format, args...))}
}

// wrong is the fault of one operand; format has one %s for it.
func wrong(index int, value any, format string) error {
	return &fault{format: format, about: []operand{{index, value}}}
}

// clash is the fault of two operands that do not go together; format has a %s for each.
func clash(format string, a, b any) error {
	return &fault{format: format, about: []operand{{0, a}, {1, b}}}
}

func escapePercent(text string) string {
	out := make([]rune, 0, len(text))
	for _, r := range text {
		if r == '%' {
			out = append(out, r)
		}
		out = append(out, r)
	}
	return string(out)
}
