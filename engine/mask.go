package engine

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ShortestSecret is how many characters a secret needs to be masked. Shorter texts stand in ordinary
// words and numbers, which would become unreadable and tell the secret all the same.
const ShortestSecret = 4

// A Masker puts *** in place of secrets: a server or a device may echo what it was sent, also
// escaped for a URL, for JSON or for HTML, or as a number. It may be used from many goroutines.
type Masker struct {
	texts    []string // what secrets look like
	blended  []string // the same for queries
	shortest int      // of their lengths in bytes
	numbers  map[float64]bool
}

// NewMasker makes the masker of a run's secrets, which are given by name.
func NewMasker(secrets map[string]string) *Masker {
	m := &Masker{numbers: map[float64]bool{}}
	for _, secret := range secrets {
		for _, text := range forms(secret) {
			if utf8.RuneCountInString(text) < ShortestSecret {
				continue
			}
			m.texts = append(m.texts, text)
			m.blended = append(m.blended, blend(text))
			if n, err := strconv.ParseFloat(text, 64); err == nil {
				m.numbers[n] = true
			}
		}
	}
	m.texts, m.blended = sorted(m.texts), sorted(m.blended)
	for i, text := range m.texts {
		if i == 0 || len(text) < m.shortest {
			m.shortest = len(text)
		}
	}
	return m
}

func sorted(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// forms are the ways in which a secret is written where nothing is escaped: as it is, without the blanks around it,
// which a header loses, and as JSON has it, which is UTF-8.
func forms(secret string) []string {
	valid := string([]rune(secret))
	return []string{secret, strings.TrimSpace(secret), valid, strings.TrimSpace(valid)}
}

// Text is text with *** in place of each secret. Where secrets overlap, all of them go.
func (m *Masker) Text(text string) string {
	found := m.find(text, maxLayers, false)
	if len(found) == 0 {
		return text
	}
	var b strings.Builder
	end := 0
	for _, s := range found {
		b.WriteString(text[end:s.start])
		b.WriteString("***")
		end = s.end
	}
	b.WriteString(text[end:])
	return b.String()
}

// A span is a place in a text, from start to before end.
type span struct{ start, end int }

// find gives the places of secrets in a text, also of those that are escaped, in their order. They do not overlap.
// In what was a query, + and blanks are the same.
func (m *Masker) find(text string, layers int, query bool) []span {
	if len(text) < m.shortest {
		return nil // as it would be without its escapes: none is shorter than what it stands for
	}
	secrets := m.texts
	if query {
		text, secrets = blend(text), m.blended
	}
	found := places(text, secrets)
	if layers == 0 {
		return merge(found)
	}
	for _, e := range escapings {
		inner, ok := e.decode(text)
		if !ok {
			continue
		}
		if hidden := m.find(inner, layers-1, query || e.isQuery); len(hidden) > 0 {
			found = append(found, e.origins(text, hidden)...)
		}
	}
	return merge(found)
}

// blend removes what nobody can tell who does not know whether a text was a query: there + is a blank.
func blend(text string) string { return strings.ReplaceAll(text, "+", " ") }

// places are where secrets stand as they are.
func places(text string, secrets []string) (found []span) {
	for _, secret := range secrets {
		for from := 0; ; {
			i := strings.Index(text[from:], secret)
			if i < 0 {
				break
			}
			found = append(found, span{from + i, from + i + len(secret)})
			from += i + len(secret)
		}
	}
	return found
}

// merge puts spans in order and makes one of those that overlap.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	merged := spans[:0]
	for _, s := range spans {
		if last := len(merged) - 1; last >= 0 && s.start < merged[last].end {
			merged[last].end = max(merged[last].end, s.end)
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}

// Value is JSON with *** in place of each secret, in names as well. The value itself is not changed, and is what is
// returned if there is none in it.
func (m *Masker) Value(value any) any {
	if len(m.texts) == 0 {
		return value
	}
	masked, _ := m.value(value)
	return masked
}

// value also says whether there was a secret. What holds none is not copied.
func (m *Masker) value(value any) (masked any, found bool) {
	switch value := value.(type) {
	case string:
		if text := m.Text(value); text != value {
			return text, true
		}
	case float64:
		if m.numbers[value] {
			return "***", true
		}
	case map[string]any:
		return m.object(value)
	case []any:
		return m.list(value)
	}
	return value, false
}

func (m *Masker) object(value map[string]any) (masked any, found bool) {
	object := value
	for name, member := range value {
		shown := m.Text(name)
		member, hidden := m.value(member)
		if shown == name && !hidden {
			continue
		}
		if !found {
			object, found = maps.Clone(value), true
		}
		delete(object, name)
		object[shown] = member
	}
	return object, found
}

func (m *Masker) list(value []any) (masked any, found bool) {
	list := value
	for i, item := range value {
		item, hidden := m.value(item)
		if !hidden {
			continue
		}
		if !found {
			list, found = slices.Clone(value), true
		}
		list[i] = item
	}
	return list, found
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
