package engine

import (
	"regexp"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// MaxBlockDepth is how deep steps may stand inside steps.
const MaxBlockDepth = 50

// fileKinds are the leading keys, what they begin and which command reads it.
var fileKinds = []struct{ key, what, command string }{
	{"workflow", "workflow", "`twinbook run`"},
	{"simulator", "simulator file", "`twinbook simulate`"},
	{"hubs", "configuration", "every command"},
}

// Decode holds the whole file against its shape. It is nil if the file is no such file at all;
// the problems say why.
func (f *File) Decode(s *Shape) *Decoded {
	if f.root == nil {
		return nil
	}
	if f.root.kind != nodeMap {
		expected := "keys like version: and " + s.Leading + ":"
		if s.Leading == "" {
			expected = s.expected()
		}
		f.wrong(f.root, "wrong-kind", "", "expected %s, found %s", expected, f.root.what())
		return nil
	}
	if s.Leading != "" && !f.leads(s) {
		return nil
	}
	w := decoder{file: f}
	return w.decode(s, f.root)
}

// leads says whether the file is of the kind that the shape describes.
func (f *File) leads(s *Shape) bool {
	var found *yamlEntry
	for i, e := range f.root.entries {
		for _, k := range fileKinds {
			if e.key.text != k.key {
				continue
			}
			if found != nil {
				f.wrong(e.key, "file-kind", "one file is one thing; make two files", "a file has one of %s and %s", found.key.text, k.key)
				return false
			}
			found = &f.root.entries[i]
		}
	}
	if found == nil || found.key.text == s.Leading {
		return true // a missing leading key is noted with the other missing keys
	}
	for _, k := range fileKinds {
		if k.key == found.key.text {
			f.wrong(found.key, "file-kind", k.command+" reads it", "this is a %s, not a %s", k.what, kindOfFile(s.Leading))
		}
	}
	return false
}

func kindOfFile(leading string) string {
	for _, k := range fileKinds {
		if k.key == leading {
			return k.what
		}
	}
	return leading
}

// A decoder walks a shape and the nodes together.
type decoder struct {
	file  *File
	depth int // of blocks
}

func (w *decoder) decode(s *Shape, n *yamlNode) *Decoded {
	switch {
	case n.tagged && n.text == "" && n.kind == nodeScalar:
		return nil // the tag is the problem, and has swallowed the value
	case n.braces && (s.Kind != KindCond || s.Keys != nil):
		w.file.wrong(n, "template-syntax", templateSlip(w.file, n), "an expression stands in ${{ }}")
		return nil
	case s.Either != nil:
		return w.either(s, n)
	case s.Keys != nil:
		return w.keys(s, n)
	case s.Map != nil:
		return w.names(s, n)
	case s.List != nil:
		return w.list(s, n)
	}
	return w.leaf(s, n)
}

// either picks the shape by the way the value is written.
func (w *decoder) either(s *Shape, n *yamlNode) *Decoded {
	if w.isSlip(s, n) {
		w.file.brokenCondition(n)
		return nil
	}
	for _, e := range s.Either {
		if e.written(n) {
			return w.decode(e, n)
		}
	}
	w.mismatch(s, n)
	return nil
}

// isSlip says whether a mapping is an expression that YAML has taken apart: x == "b: c".
func (w *decoder) isSlip(s *Shape, n *yamlNode) bool {
	if n.kind != nodeMap || n.style == styleFlow && !n.braces || len(n.entries) > 1 {
		return false
	}
	condition := false
	for _, e := range s.Either {
		condition = condition || e.leaf() && e.Kind == KindCond
		for _, known := range n.entries {
			if e.key(known.key.text) != nil || identifier.MatchString(known.key.text) {
				return false
			}
		}
	}
	return condition
}

// leaf says whether a value of the shape is one scalar.
func (s *Shape) leaf() bool { return s.Keys == nil && s.Map == nil && s.List == nil && s.Either == nil }

// written says whether a value of this shape is written as the node is.
func (s *Shape) written(n *yamlNode) bool {
	switch {
	case s.Keys != nil || s.Map != nil:
		return n.kind == nodeMap
	case s.List != nil:
		return n.kind == nodeList
	}
	return n.kind == nodeScalar && !n.isNull()
}

func (w *decoder) mismatch(s *Shape, n *yamlNode) {
	if s.Private && n.kind == nodeScalar && !n.isNull() {
		w.file.Hide(n.text)
		w.file.wrong(n, "wrong-kind", "put it into the environment or a file of its own, and name that here",
			"expected %s; what is secret does not stand in this file", s.expected())
		return
	}
	if hint := templateSlip(w.file, n); hint != "" {
		w.file.wrong(n, "template-syntax", hint, "YAML takes this expression for %s", n.what())
		return
	}
	hint := ""
	switch m := gluedAction.FindStringSubmatch(n.text); {
	case n.isNull() && s.Keys != nil && s.OneWhat != "action":
		hint = "write {} if there is nothing to say"
	case n.kind == nodeScalar && s.onlyRequired() != "" && !strings.Contains(n.text, "\n"):
		hint = "write: { " + s.onlyRequired() + ": " + w.file.written(n, expr.Shorten(n.text, 60)) + " }"
	case m != nil && s.OneWhat == "action" && contains(s.OneKey, m[1]):
		hint = "write: " + m[1] + ": " + m[2]
	}
	w.file.wrong(n, "wrong-kind", hint, "expected %s, found %s", s.expected(), n.what())
}

// onlyRequired is the key that a text in place of a mapping is probably for: the only one that it must have.
func (s *Shape) onlyRequired() string {
	only := ""
	for _, k := range s.Keys {
		if k.Required && only != "" {
			return ""
		}
		if k.Required {
			only = k.Name
		}
	}
	return only
}

func (w *decoder) keys(s *Shape, n *yamlNode) *Decoded {
	d := &Decoded{file: w.file, node: n, shape: s}
	if n.kind != nodeMap {
		if s.Short == "" || n.isNull() {
			w.mismatch(s, n)
			return nil
		}
		d.entries = []Named[*Decoded]{{Pos: w.file.pos(n), Name: s.Short, Value: w.decode(s.key(s.Short).Shape, n)}}
		w.missingKeys(s, n, func(key string) bool { return key == s.Short }, nil)
		return d
	}
	unknown := map[string]bool{} // keys that unknown ones are probably meant as
	for _, e := range n.entries {
		key := s.key(e.key.text)
		switch {
		case key == nil && isFreeKey(e.key.text):
			continue
		case key == nil && s.Map != nil:
			d.entries = append(d.entries, w.named(s, e))
			continue
		case key == nil:
			w.unknownKey(s, e.key, n)
			if len(unknown) < len(s.Keys) {
				unknown[s.meant(e.key.text)] = true
			}
			continue
		}
		d.entries = append(d.entries, Named[*Decoded]{Pos: w.file.pos(e.key), Name: key.Name, Value: w.decode(key.Shape, e.value)})
		w.needs(key, e.key, n)
	}
	w.missingKeys(s, n, func(key string) bool { return n.get(key) != nil }, unknown)
	return d
}

// gluedAction is a step like "sleep:1s" or "sleep 5s".
var gluedAction = regexp.MustCompile(`^([A-Za-z]+)[: ]\s*(.*)$`)

var identifier = regexp.MustCompile(`^` + Identifier + `$`)

func (w *decoder) names(s *Shape, n *yamlNode) *Decoded {
	if n.kind != nodeMap {
		w.mismatch(s, n)
		return nil
	}
	d := &Decoded{file: w.file, node: n, shape: s}
	for _, e := range n.entries {
		d.entries = append(d.entries, w.named(s, e))
	}
	return d
}

func (w *decoder) named(s *Shape, e yamlEntry) Named[*Decoded] {
	if !s.AnyName && !identifier.MatchString(e.key.text) {
		w.file.wrong(e.key, "bad-name", "use letters, digits and _", "%s cannot be the name of %s", quoteKey(e.key.text), article(s.Names))
	}
	if s.Names == "branch" && e.key.text == "branches" && e.value.kind == nodeMap {
		w.file.wrong(e.key, "unknown-key", "write the branches under parallel: itself", "there is no key branches")
		return Named[*Decoded]{Pos: w.file.pos(e.key), Name: e.key.text}
	}
	return Named[*Decoded]{Pos: w.file.pos(e.key), Name: e.key.text, Value: w.decode(s.Map, e.value)}
}

func article(noun string) string {
	if noun != "" && strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

func (w *decoder) list(s *Shape, n *yamlNode) *Decoded {
	if n.kind != nodeList {
		if n.kind == nodeMap && s.nests {
			w.file.wrong(n, "wrong-kind", "put \"- \" before each step", "expected a list of steps, found a mapping")
			return nil
		}
		if n.kind == nodeMap && s.List.OneIn != "" && s.List.meansOneOf(n) {
			w.file.wrong(n, "wrong-kind", "put \"- \" before it", "expected %s, found a mapping", s.expected())
			return nil
		}
		w.mismatch(s, n)
		return nil
	}
	d := &Decoded{file: w.file, node: n, shape: s}
	if s.nests {
		w.depth++
		defer func() { w.depth-- }()
		if w.depth > MaxBlockDepth {
			w.file.wrong(n, "too-deep", "put the inner steps into a workflow of their own and call it", "steps are more than %d deep inside each other", MaxBlockDepth)
			return nil
		}
	}
	if s.NotEmpty && len(n.items) == 0 {
		w.file.wrong(n, "empty-list", "", "expected %s, found an empty list", s.expected())
	}
	for _, item := range n.items {
		if part := w.decode(s.List, item); part != nil {
			d.items = append(d.items, part)
		}
	}
	return d
}

// meansOneOf says whether a mapping that stands in place of a list of mappings is one of them.
func (s *Shape) meansOneOf(n *yamlNode) bool {
	for _, e := range n.entries {
		if s.key(e.key.text) != nil {
			return true
		}
	}
	return false
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

func without(words, drop []string) []string {
	var out []string
	for _, w := range words {
		if !contains(drop, w) {
			out = append(out, w)
		}
	}
	return out
}
