package engine

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

var inputTypes = []InputType{InputString, InputInteger, InputNumber, InputBoolean, InputDuration, InputTime, InputObject, InputArray}

// input builds an input and holds its default against its own rules.
func (b *builder) input(d *Decoded) *Input {
	in := &Input{
		Type: InputType(d.Get("type").Text()), Description: d.Get("description").Text(),
		Required: !d.Has("default"), Pattern: d.Get("pattern").Text(),
	}
	if in.Type == "" {
		in.Type = InputString
		return in
	}
	in.Min, in.Max = b.bound(in, d.Get("min")), b.bound(in, d.Get("max"))
	if in.Min != nil && in.Max != nil && *in.Min > *in.Max {
		d.Get("min").Problem("wrong-value", "", "min is more than max")
	}
	b.pattern(in, d.Get("pattern"))
	var choices []any
	for _, item := range d.Get("oneOf").Items() {
		if value := b.accepted(in, item); value != nil {
			choices = append(choices, value)
		}
	}
	in.OneOf = choices
	if def := d.Get("default"); def != nil {
		in.Default = b.accepted(in, def)
	}
	return in
}

// accepted is the literal as JSON of the input's type, nil where it is none.
func (b *builder) accepted(in *Input, d *Decoded) any {
	value := d.Constant()
	if in.textual() && d.node.kind == nodeScalar && !d.node.isNull() {
		value = d.node.text // 3.10 stays "3.10"
	}
	value, err := in.accept(value)
	if err != nil {
		hint := ""
		if in.Type == InputDuration && d.node.isNumber() {
			hint = "write " + d.node.text + "s for seconds"
		}
		d.Problem("bad-default", hint, err.Error())
		return nil
	}
	return value
}

func (in *Input) textual() bool {
	return in.Type == InputString || in.Type == InputDuration || in.Type == InputTime
}

// bound reads min or max: a number, of a duration a duration.
func (b *builder) bound(in *Input, d *Decoded) *float64 {
	if d == nil {
		return nil
	}
	switch in.Type {
	case InputDuration:
		if length, err := expr.ParseDuration(d.Text()); err == nil {
			seconds := length.Seconds()
			return &seconds
		}
		d.Problem("wrong-value", "", "expected a duration like 60s, found "+d.node.what())
	case InputInteger, InputNumber, InputString, InputArray:
		if n, ok := d.Constant().(float64); ok {
			return &n
		}
		d.Problem("wrong-value", "", "expected a number, found "+d.node.what())
	default:
		d.Problem("wrong-value", "", article(string(in.Type))+" has no min and no max")
	}
	return nil
}

func (b *builder) pattern(in *Input, d *Decoded) {
	if d == nil {
		return
	}
	if in.Type != InputString {
		d.Problem("wrong-value", "", fmt.Sprintf("only a string has a pattern, and this is %s", article(string(in.Type))))
	}
	if _, err := regexp.Compile(in.Pattern); err != nil {
		d.Problem("wrong-value", "", "this is no regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		in.Pattern = ""
	}
}
