package engine

import (
	"encoding/json"
	"maps"
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
	if !hidesSecret(value) {
		return value
	}
	switch value := value.(type) {
	case Masked:
		var b strings.Builder
		for _, p := range value.Parts {
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
	case map[string]any:
		object := make(map[string]any, len(value))
		for k, v := range value {
			object[k] = Reveal(v, secret)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, v := range value {
			list[i] = Reveal(v, secret)
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

// Mask is value with every secret's text replaced by ***: a server may echo what it was sent.
func Mask(value any, secrets map[string]string) any {
	r := masker(secrets)
	if r == nil {
		return value
	}
	return maskValue(value, r)
}

// MaskError is an error whose text holds no secret.
func MaskError(err error, secrets map[string]string) error {
	r := masker(secrets)
	if err == nil || r == nil || r.Replace(err.Error()) == err.Error() {
		return err
	}
	return maskedError{text: r.Replace(err.Error()), err: err}
}

// masker is nil if there is nothing to mask. Texts so short that they stand in ordinary words are left alone.
func masker(secrets map[string]string) *strings.Replacer {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if text := secrets[name]; len(text) >= 4 {
			pairs = append(pairs, text, "***")
		}
	}
	if pairs == nil {
		return nil
	}
	return strings.NewReplacer(pairs...)
}

func maskValue(value any, r *strings.Replacer) any {
	switch value := value.(type) {
	case string:
		return r.Replace(value)
	case map[string]any:
		object := make(map[string]any, len(value))
		for k, v := range value {
			object[r.Replace(k)] = maskValue(v, r)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, v := range value {
			list[i] = maskValue(v, r)
		}
		return list
	}
	return value
}

// maskedError says the masked text and passes on what kind of error it is.
type maskedError struct {
	text string
	err  error
}

func (e maskedError) Error() string { return e.text }
func (e maskedError) Unwrap() error { return e.err }
