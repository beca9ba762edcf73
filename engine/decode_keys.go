package engine

import (
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

func (w *decoder) unknownKey(s *Shape, key, in *yamlNode) {
	if w.file.full() {
		return // finding what was meant would cost
	}
	allowed := s.KeyNames()
	if s.OneWhat == "action" {
		w.unknownAction(s, key, in, allowed)
		return
	}
	if hint := templateSlip(w.file, in); hint != "" {
		w.file.wrong(key, "template-syntax", hint, "YAML takes this for a key")
		return
	}
	if m := s.mistake(key.text); m != nil {
		value := "5m"
		if n := in.get(key.text); n.kind == nodeScalar && n.text != "" {
			value = expr.Shorten(n.text, 20)
		}
		w.file.wrong(key, "unknown-key", strings.ReplaceAll(m.Hint, "VALUE", value), "unknown key %s", quoteKey(key.text))
		return
	}
	w.file.wrong(key, "unknown-key", Meant(key.text, allowed), "unknown key %s", quoteKey(key.text))
}

func (s *Shape) mistake(key string) *Mistake {
	for i := range s.Mistakes {
		if s.Mistakes[i].Key == key {
			return &s.Mistakes[i]
		}
	}
	return nil
}

// meant is the key that an unknown one is probably for, or nothing.
func (s *Shape) meant(key string) string {
	if m := s.mistake(key); m != nil {
		return m.For
	}
	return nearest(key, s.KeyNames())
}

// unknownAction is for a key of a step: where the step has no action, the key must be meant as one.
func (w *decoder) unknownAction(s *Shape, key, in *yamlNode, allowed []string) {
	near := nearest(key.text, allowed)
	for _, action := range s.OneKey {
		if in.get(action) != nil && near != action {
			w.file.wrong(key, "unknown-key", Meant(key.text, without(allowed, s.OneKey)), "unknown key %s in a step", quoteKey(key.text))
			return
		}
	}
	if near != "" && !contains(s.OneKey, near) {
		w.file.wrong(key, "unknown-key", "did you mean "+near+"?", "unknown key %s in a step", quoteKey(key.text))
		return
	}
	w.file.wrong(key, "unknown-action", Meant(key.text, s.OneKey), "unknown action %s", quoteKey(key.text))
}

func quoteKey(text string) string { return fmt.Sprintf("%q", expr.Shorten(text, 60)) }

func (w *decoder) needs(key *Key, at, in *yamlNode) {
	for _, needed := range key.Needs {
		if in.get(needed) == nil {
			w.file.wrong(at, "missing-key", "", "%s needs %s: beside it", key.Name, needed)
		}
	}
}

// missingKeys notes what must be there and is not. With an unknown key the missing action is
// probably that one.
func (w *decoder) missingKeys(s *Shape, n *yamlNode, has func(string) bool, unknown map[string]bool) {
	for _, k := range s.Keys {
		if k.Required && !has(k.Name) && !unknown[k.Name] {
			hint, in := "", ""
			switch {
			case k.Sample != "":
				hint = "write: " + k.Sample
			case k.Name == "version":
				hint = "write: version: 1"
			case k.Name == s.Leading:
				hint = "write: " + k.Name + ": NAME"
			}
			if s.OneIn != "" {
				in = " of " + s.OneIn
			}
			w.file.wrong(n, "missing-key", hint, "the key %s%s is missing", k.Name, in)
		}
	}
	w.oneKey(s, n, has, len(unknown) > 0)
}

// oneKey notes where not exactly one of some keys is there.
func (w *decoder) oneKey(s *Shape, n *yamlNode, has func(string) bool, unknown bool) {
	var found []string
	for _, key := range s.OneKey {
		if has(key) {
			found = append(found, key)
		}
	}
	switch {
	case s.OneKey == nil || len(found) == 1 || len(found) == 0 && unknown:
	case len(found) == 0 && s.OneWhat == "action":
		w.file.wrong(n, "no-action", "such as "+strings.Join(s.OneKey[:min(4, len(s.OneKey))], ", "), "this step has no action")
	case len(found) == 0:
		w.file.wrong(n, "missing-key", "", "%s needs %s", s.OneIn, expr.OrList(s.OneKey))
	case s.OneWhat == "action":
		w.file.wrong(secondKey(n, found), "two-actions", "make two steps of it", "a step has one action; this one has %s", strings.Join(found, " and "))
	default:
		w.file.wrong(secondKey(n, found), "two-keys", "", "%s has one of %s, not both", s.OneIn, strings.Join(found, " and "))
	}
}

func secondKey(n *yamlNode, among []string) *yamlNode {
	first := true
	for _, e := range n.entries {
		if contains(among, e.key.text) {
			if !first {
				return e.key
			}
			first = false
		}
	}
	return n
}
