package engine

import (
	"encoding/json"
	"slices"
	"strings"
)

// Masked is a text that holds secrets. The planner never sees a secret: what it passes on, prints
// and keeps has a mask in its place, and Reveal fills it in at the moment of the call.
type Masked struct{ Parts []MaskedPart }

// A MaskedPart is text, or the name of a secret.
type MaskedPart struct {
	Text   string
	Secret string
	escape func(string) string
}

func (m *Masked) add(text string) { m.Parts = append(m.Parts, MaskedPart{Text: text}) }

// value is plain text if there is no secret in it.
func (m Masked) value() any {
	for _, p := range m.Parts {
		if p.Secret != "" {
			return m
		}
	}
	return m.String()
}

// String is the text with *** in place of each secret.
func (m Masked) String() string {
	var b strings.Builder
	for _, p := range m.Parts {
		if p.Secret != "" {
			b.WriteString("***")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// MarshalJSON writes the masked text.
func (m Masked) MarshalJSON() ([]byte, error) { return json.Marshal(m.String()) }

// Reveal is value with every secret filled in; value itself is not changed.
func Reveal(value any, secret func(name string) string) any {
	return replaceMasked(value, func(m Masked) string { return m.reveal(secret) })
}

// Conceal is value as it may be kept and shown: with *** in place of each secret.
func Conceal(value any) any { return replaceMasked(value, Masked.String) }

func (m Masked) reveal(secret func(name string) string) string {
	var b strings.Builder
	for _, p := range m.Parts {
		text := p.Text
		if p.Secret != "" {
			text = secret(p.Secret)
			if p.escape != nil {
				text = p.escape(text)
			}
		}
		b.WriteString(text)
	}
	return b.String()
}

// replaceMasked is value with a text in place of each Masked; where there is none it is value itself.
func replaceMasked(value any, text func(Masked) string) any {
	if !hidesSecret(value) {
		return value
	}
	switch value := value.(type) {
	case Masked:
		return text(value)
	case map[string]any:
		object := make(map[string]any, len(value))
		for k, v := range value {
			object[k] = replaceMasked(v, text)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, v := range value {
			list[i] = replaceMasked(v, text)
		}
		return list
	}
	return value
}

// hidesSecret says whether there is a Masked anywhere in value.
func hidesSecret(value any) bool {
	switch value := value.(type) {
	case Masked:
		return true
	case map[string]any:
		for _, v := range value {
			if hidesSecret(v) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, hidesSecret)
	}
	return false
}
