package engine

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine/expr"
)

// ShortestSecret is how many characters a secret needs to be masked. Shorter texts stand in ordinary
// words and numbers, which would become unreadable and tell the secret all the same.
const ShortestSecret = 4

// A Masker puts *** in place of secrets: a server or a device may echo what it was sent, also
// escaped for a URL or for JSON, or as a number. It may be used from many goroutines.
type Masker struct {
	texts   []string // what secrets look like
	numbers map[float64]bool
}

// NewMasker makes the masker of a run's secrets, which are given by name.
func NewMasker(secrets map[string]string) *Masker {
	m := &Masker{numbers: map[float64]bool{}}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		secret := secrets[name]
		if utf8.RuneCountInString(secret) < ShortestSecret {
			continue
		}
		m.texts = append(m.texts, forms(secret)...)
		if n, err := strconv.ParseFloat(secret, 64); err == nil {
			m.numbers[n] = true
		}
	}
	slices.Sort(m.texts)
	m.texts = slices.Compact(m.texts)
	return m
}

// forms are the ways in which a secret is written.
func forms(secret string) []string {
	html, _ := json.Marshal(secret) // text always has a JSON
	plain := expr.CompactJSON(secret)
	return []string{
		secret, url.PathEscape(secret), url.QueryEscape(secret), escapeQueryPart(secret),
		string(html[1 : len(html)-1]), plain[1 : len(plain)-1],
	}
}

// Text is text with *** in place of each secret. Where secrets overlap, all of them go.
func (m *Masker) Text(text string) string {
	found := m.find(text)
	if len(found) == 0 {
		return text
	}
	var b strings.Builder
	end := 0
	for _, s := range found {
		if s.start >= end {
			b.WriteString(text[end:s.start])
			b.WriteString("***")
		}
		end = max(end, s.end)
	}
	b.WriteString(text[end:])
	return b.String()
}

// A span is a place in a text, from start to before end.
type span struct{ start, end int }

// find gives the places of secrets in a text in their order.
func (m *Masker) find(text string) []span {
	var found []span
	for _, secret := range m.texts {
		for from := 0; ; {
			i := strings.Index(text[from:], secret)
			if i < 0 {
				break
			}
			found = append(found, span{from + i, from + i + len(secret)})
			from += i + len(secret)
		}
	}
	slices.SortFunc(found, func(a, b span) int { return a.start - b.start })
	return found
}

// Value is JSON with *** in place of each secret, in names as well; value itself is not changed.
func (m *Masker) Value(value any) any {
	if len(m.texts) == 0 {
		return value
	}
	switch value := value.(type) {
	case string:
		return m.Text(value)
	case float64:
		if m.numbers[value] {
			return "***"
		}
	case map[string]any:
		object := make(map[string]any, len(value))
		for k, v := range value {
			object[m.Text(k)] = m.Value(v)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, v := range value {
			list[i] = m.Value(v)
		}
		return list
	}
	return value
}

// Error is an error whose text holds no secret; nil stays nil.
func (m *Masker) Error(err error) error {
	if err == nil {
		return nil
	}
	text := m.Text(err.Error())
	if text == err.Error() {
		return err
	}
	return maskedError{text: text, err: err}
}

// maskedError says the masked text and passes on what kind of error it is.
type maskedError struct {
	text string
	err  error
}

func (e maskedError) Error() string { return e.text }
func (e maskedError) Unwrap() error { return e.err }
