package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine/expr"
)

// An InputProblem is an input of a run that is not what the workflow declares.
type InputProblem struct {
	Name string
	Msg  string
}

// InputProblems are all wrong inputs of a run.
type InputProblems []InputProblem

func (ps InputProblems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = fmt.Sprintf("input %s: %s", p.Name, p.Msg)
	}
	return strings.Join(lines, "\n")
}

// CheckInputs holds JSON values against the inputs that the workflow declares and fills in the
// defaults. An error is InputProblems and names every input that is wrong.
func (p *Program) CheckInputs(raw map[string]any) (map[string]any, error) {
	return p.inputs(sortedKeys(raw), func(in *Input, name string) (any, bool, error) {
		value, given := raw[name]
		if !given {
			return nil, false, nil
		}
		value, err := in.accept(value)
		return value, true, err
	})
}

// ParseInputs is CheckInputs for values given as text, as by `--input name=value`: text is read
// by the input's type, objects and arrays as JSON.
func (p *Program) ParseInputs(raw map[string]string) (map[string]any, error) {
	return p.inputs(sortedKeys(raw), func(in *Input, name string) (any, bool, error) {
		text, given := raw[name]
		if !given {
			return nil, false, nil
		}
		value, err := in.parse(text)
		if err == nil {
			value, err = in.accept(value)
		}
		return value, true, err
	})
}

func (p *Program) inputs(given []string, get func(in *Input, name string) (any, bool, error)) (map[string]any, error) {
	var problems InputProblems
	inputs := make(map[string]any, len(p.Workflow.Inputs))
	var declared []string
	for _, in := range p.Workflow.Inputs {
		declared = append(declared, in.Name)
		value, given, err := get(in.Value, in.Name)
		switch {
		case err != nil:
			problems = append(problems, InputProblem{in.Name, err.Error()})
		case !given && in.Value.Required:
			problems = append(problems, InputProblem{in.Name, "is required: " + in.Value.wants()})
		case !given:
			inputs[in.Name] = in.Value.Default
		default:
			inputs[in.Name] = value
		}
	}
	for _, name := range given {
		if !contains(declared, name) {
			msg := fmt.Sprintf("workflow %s has no such input", p.Workflow.Name)
			if hint := Meant(name, declared); hint != "" {
				msg += "; " + hint
			}
			problems = append(problems, InputProblem{name, msg})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return inputs, nil
}

// wants says what a value must be: "one of a, b", "a duration like 60s".
func (in *Input) wants() string {
	if len(in.OneOf) > 0 {
		return "expected " + in.choices()
	}
	return "expected " + in.expected()
}

func (in *Input) expected() string {
	return map[InputType]string{
		InputString: "text", InputInteger: "a whole number", InputNumber: "a number", InputBoolean: "true or false",
		InputDuration: "a duration like 60s", InputTime: "a time like 2026-03-01T02:30:00Z",
		InputObject: "an object", InputArray: "a list",
	}[in.Type]
}

func (in *Input) choices() string {
	var words []string
	for _, v := range in.OneOf {
		word, ok := v.(string)
		if !ok {
			word = expr.CompactJSON(v)
		}
		words = append(words, word)
	}
	return expr.OrList(words)
}

// parse reads the text of a command line.
func (in *Input) parse(text string) (any, error) {
	wrong := fmt.Errorf("expected %s, got %q", in.expected(), expr.Shorten(text, 40))
	switch in.Type {
	case InputInteger, InputNumber:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !in.numeral().MatchString(text) {
			return nil, wrong
		}
		return n, nil
	case InputBoolean:
		if text != "true" && text != "false" {
			return nil, wrong
		}
		return text == "true", nil
	case InputObject, InputArray:
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return nil, fmt.Errorf("expected %s as JSON, got %q", in.expected(), expr.Shorten(text, 40))
		}
		return value, nil
	}
	return text, nil
}

var wholeNumeral, decimalNumeral = regexp.MustCompile(`^[-+]?\d+$`), regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)

// numeral is how a number is written: as in YAML, not with the underscores and hexadecimal digits of Go.
func (in *Input) numeral() *regexp.Regexp {
	if in.Type == InputInteger {
		return wholeNumeral
	}
	return decimalNumeral
}

// accept holds a JSON value against type, oneOf, min, max and pattern. It gives the value as it enters the
// run: a time becomes what expressions make of times, so that one instant is always one text.
func (in *Input) accept(value any) (any, error) {
	size, ok := in.size(value)
	if !ok {
		return nil, fmt.Errorf("expected %s, got %s", in.expected(), expr.Describe(value))
	}
	if in.Type == InputInteger && math.Abs(size) >= 1<<53 { // the next one may have been given: JSON's numbers are read as float64
		return nil, fmt.Errorf("%s is too large: whole numbers are exact below 9007199254740992; give what is longer as an input of type string", expr.Describe(value))
	}
	if in.Min != nil && size < *in.Min {
		return nil, fmt.Errorf("%s must be at least %s", in.measured(value), in.amount(*in.Min))
	}
	if in.Max != nil && size > *in.Max {
		return nil, fmt.Errorf("%s must be at most %s", in.measured(value), in.amount(*in.Max))
	}
	if in.Pattern != "" {
		whole := regexp.MustCompile(`^(?:` + in.Pattern + `)$`)
		if text, _ := value.(string); !whole.MatchString(text) {
			return nil, fmt.Errorf("%s does not match the pattern %s", expr.Describe(value), in.Pattern)
		}
	}
	if text, _ := value.(string); in.Type == InputTime {
		t, _ := inputTime(text)
		value = t.Format(expr.TimeLayout)
	}
	if len(in.OneOf) > 0 && !in.isChoice(value) {
		return nil, fmt.Errorf("expected %s, got %s", in.choices(), expr.Describe(value))
	}
	return value, nil
}

// inputTime reads a time; in UTC, too, its year must have four digits.
func inputTime(text string) (t time.Time, ok bool) {
	t, err := time.Parse(time.RFC3339, text)
	t = t.UTC()
	return t, err == nil && t.Year() >= 0 && t.Year() <= 9999
}

func (in *Input) isChoice(value any) bool {
	for _, choice := range in.OneOf {
		if reflect.DeepEqual(choice, value) {
			return true
		}
	}
	return false
}

func (in *Input) measured(value any) string {
	if in.Type == InputString || in.Type == InputArray {
		return "the length of " + expr.Describe(value)
	}
	return expr.Describe(value)
}

func (in *Input) amount(n float64) string {
	if in.Type == InputDuration {
		return expr.FormatDuration(time.Duration(n * float64(time.Second)))
	}
	return expr.CompactJSON(n)
}

// size is what min and max are about; ok is whether the value is of the input's type at all.
func (in *Input) size(value any) (size float64, ok bool) {
	switch value := value.(type) {
	case string:
		return in.textSize(value)
	case float64:
		return value, in.Type == InputNumber || in.Type == InputInteger && value == math.Trunc(value)
	case bool:
		return 0, in.Type == InputBoolean
	case map[string]any:
		return 0, in.Type == InputObject
	case []any:
		return float64(len(value)), in.Type == InputArray
	}
	return 0, false
}

func (in *Input) textSize(text string) (size float64, ok bool) {
	switch in.Type {
	case InputDuration:
		d, err := expr.ParseDuration(text)
		return d.Seconds(), err == nil
	case InputTime:
		_, ok := inputTime(text)
		return 0, ok
	}
	return float64(utf8.RuneCountInString(text)), in.Type == InputString
}
