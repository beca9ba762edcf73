package engine

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

func (w *decoder) leaf(s *Shape, n *yamlNode) *Decoded {
	d := &Decoded{file: w.file, node: n, shape: s}
	if s.Kind == KindCond {
		d.cond = w.file.condition(n)
		return d
	}
	d.value = w.leafValue(s, n)
	if d.value == nil {
		return nil
	}
	return d
}

// leafValue is nil where the value is wrong; the problem is noted.
func (w *decoder) leafValue(s *Shape, n *yamlNode) *Value {
	if s.Literal && w.refuseTemplates(n, s) {
		return nil
	}
	switch {
	case s.Const != nil:
		return w.constant(s, n)
	case s.Kind == KindAny || s.Kind == KindObject || s.Kind == KindTextMap || s.Kind == KindTextList:
		return w.structured(s, n)
	}
	if n.kind != nodeScalar || n.isNull() {
		w.mismatch(s, n)
		return nil
	}
	if strings.Contains(n.text, "${{") && !s.Literal {
		return w.templated(s, n)
	}
	return w.scalar(s, n)
}

// secretTemplate is a secret where its name is wanted.
var secretTemplate = regexp.MustCompile(`^\$\{\{\s*secrets\.(\w+)\s*\}\}$`)

func (w *decoder) refuseTemplates(n *yamlNode, s *Shape) bool {
	for _, item := range n.items {
		if w.refuseTemplates(item, s) {
			return true
		}
	}
	for _, e := range n.entries {
		if w.refuseTemplates(e.value, s) {
			return true
		}
	}
	if n.kind != nodeScalar || !strings.Contains(n.text, "${{") {
		return false
	}
	hint := ""
	if m := secretTemplate.FindStringSubmatch(n.text); m != nil && s.IsName && s.Private {
		hint = "write its name: " + m[1]
	}
	w.file.wrong(n, "literal-only", hint, "no expression can stand here; it must be a literal value")
	return true
}

func (w *decoder) constant(s *Shape, n *yamlNode) *Value {
	v := w.file.free(n)
	if v == nil {
		return nil
	}
	if v.Lit != s.Const {
		w.file.wrong(n, "wrong-value", "write: "+expr.CompactJSON(s.Const), "expected %s, found %s", expr.CompactJSON(s.Const), n.what())
		return nil
	}
	return v
}

// structured is for values of any depth.
func (w *decoder) structured(s *Shape, n *yamlNode) *Value {
	whole := n.kind == nodeScalar && strings.HasPrefix(strings.TrimSpace(n.text), "${{")
	fits := whole || s.Kind == KindAny ||
		n.kind == nodeMap && (s.Kind == KindObject || s.Kind == KindTextMap) ||
		n.kind == nodeList && s.Kind == KindTextList
	if !fits {
		w.mismatch(s, n)
		return nil
	}
	if whole || s.Kind == KindAny || s.Kind == KindObject {
		return w.file.free(n)
	}
	if s.NotEmpty && len(n.items) == 0 {
		w.file.wrong(n, "empty-list", "", "expected %s, found an empty list", s.expected())
		return nil
	}
	return w.texts(n)
}

// texts is a list or mapping of texts, which keep their source.
func (w *decoder) texts(n *yamlNode) *Value {
	v := &Value{Pos: w.file.pos(n), Kind: ValueList}
	text := &Shape{Kind: KindText}
	for _, item := range n.items {
		if t := w.leafValue(text, item); t != nil {
			v.Items = append(v.Items, t)
		}
	}
	if n.kind != nodeMap {
		return v
	}
	v.Kind = ValueObject
	for _, e := range n.entries {
		if t := w.leafValue(text, e.value); t != nil {
			v.Keys = append(v.Keys, Named[*Value]{Pos: w.file.pos(e.key), Name: e.key.text, Value: t})
		}
	}
	return v
}

// templated is a scalar with ${{ }} in it. Text around one makes it text.
func (w *decoder) templated(s *Shape, n *yamlNode) *Value {
	v := w.file.template(n, n.text)
	if v.Kind != ValueTemplate {
		return w.hold(s, n, v)
	}
	if len(v.Parts) > 1 && (s.Kind == KindInt || s.Kind == KindNumber || s.Kind == KindBool) {
		w.file.wrong(n, "wrong-kind", "write one ${{ }} and nothing around it", "expected %s; with text around it, ${{ }} gives text", s.expected())
		return nil
	}
	return v
}

func (w *decoder) scalar(s *Shape, n *yamlNode) *Value {
	v := &Value{Pos: w.file.pos(n), Kind: ValueLiteral}
	switch s.Kind {
	case KindInt, KindNumber:
		if !n.isNumber() {
			hint := ""
			if numberSource.MatchString(n.text) {
				hint = "write it without quotes: " + n.text
			}
			w.file.wrong(n, "wrong-kind", hint, "expected %s, found %s", s.expected(), n.what())
			return nil
		}
		v.Lit = w.file.number(n)
	case KindBool:
		if n.text != "true" && n.text != "false" || n.style != stylePlain {
			w.file.wrong(n, "wrong-kind", boolHint(n.text), "expected true or false, found %s", n.what())
			return nil
		}
		v.Lit = n.text == "true"
	case KindDuration:
		if n.isNumber() || numberSource.MatchString(n.text) {
			w.file.wrong(n, "bad-duration", "write "+n.text+"s for seconds, or "+n.text+"ms", "a duration needs a unit, found %s", n.what())
			return nil
		}
		v.Lit = n.text
	default:
		v = w.file.template(n, n.text)
	}
	return w.hold(s, n, v)
}

func boolHint(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "y", "true":
		return "write: true"
	case "no", "off", "n", "false":
		return "write: false"
	}
	return ""
}

// hold holds a literal against the bounds and words of its shape.
func (w *decoder) hold(s *Shape, n *yamlNode, v *Value) *Value {
	if text, ok := v.Lit.(string); ok && s.NotEmpty && strings.TrimSpace(text) == "" {
		w.file.wrong(n, "wrong-value", "", "expected %s, found %s", s.expected(), n.what())
		return nil
	}
	if text, ok := v.Lit.(string); ok && s.IsName && s.Private && !identifier.MatchString(text) {
		w.file.hidden = append(w.file.hidden, n.text)
		w.file.wrong(n, "bad-name", "name a secret of the configuration: letters, digits and _", "this cannot be %s", s.What)
		return nil
	}
	if text, ok := v.Lit.(string); ok && s.Instead != "" && !s.Pattern.MatchString(text) {
		w.file.wrong(n, "bad-name", s.Instead, "%q cannot be %s", expr.Shorten(text, 40), s.What)
		return nil
	}
	if text, ok := v.Lit.(string); ok && s.IsName && !identifier.MatchString(text) {
		w.file.wrong(n, "bad-name", "use letters, digits and _", "%q cannot be %s", expr.Shorten(text, 40), s.What)
		return nil
	}
	field := Field{Kind: s.Kind, OneOf: s.OneOf, Min: s.Min, Max: s.Max}
	if _, err := field.accept(v.Lit); err != nil {
		hint := ""
		if text, ok := v.Lit.(string); ok && len(s.OneOf) > 0 {
			if near := nearest(text, s.OneOf); near != "" {
				hint = "did you mean " + near + "?"
			}
		}
		rule := "wrong-value"
		if s.Kind == KindDuration {
			rule = "bad-duration"
		}
		w.file.wrong(n, rule, hint, "%s", err)
		return nil
	}
	return v
}

// free is any JSON with ${{ }} in its texts.
func (f *File) free(n *yamlNode) *Value {
	v := &Value{Pos: f.pos(n)}
	switch n.kind {
	case nodeList:
		v.Kind = ValueList
		for _, item := range n.items {
			v.Items = append(v.Items, f.free(item))
		}
	case nodeMap:
		v.Kind = ValueObject
		if hint := templateSlip(f, n); hint != "" {
			f.wrong(n, "template-syntax", hint, "YAML takes this expression for a mapping")
		}
		for _, e := range n.entries {
			v.Keys = append(v.Keys, Named[*Value]{Pos: f.pos(e.key), Name: e.key.text, Value: f.free(e.value)})
		}
	default:
		return f.freeScalar(n)
	}
	return v
}

func (f *File) freeScalar(n *yamlNode) *Value {
	v := &Value{Pos: f.pos(n), Kind: ValueLiteral}
	if b, ok := n.bool(); ok {
		v.Lit = b
		return v
	}
	switch {
	case n.isNull():
	case n.isNumber():
		v.Lit = f.number(n)
	default:
		return f.template(n, n.text)
	}
	return v
}

// number reads a number; one that would lose digits is a problem, since it is mostly an id.
func (f *File) number(n *yamlNode) float64 {
	value, err := strconv.ParseFloat(n.text, 64)
	if err != nil {
		f.wrong(n, "wrong-value", "", "the number %s is too large", expr.Shorten(n.text, 40))
		return 0
	}
	if math.Abs(value) > 1<<53 && !strings.ContainsAny(n.text, ".eE") {
		f.wrong(n, "wrong-value", "put it in quotes to keep it as text", "the number %s has more digits than JSON numbers keep", expr.Shorten(n.text, 40))
	}
	return value
}
