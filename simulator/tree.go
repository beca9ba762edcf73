package simulator

import (
	"bytes"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
	"unique"
)

// A tree is an object in a twin: its members, and when it and each of them were written last. Values
// and metadata lie in one tree of slices because most of a hub is twins, and maps of maps for each
// took ten times the room. A tree never changes; nil is the empty one that was never written.
type tree struct {
	stamp   *stamp
	members []member // in the order of their keys
}

// A member's value is JSON: a *tree, or a leaf as encoding/json decodes it.
type member struct {
	key   string
	value any
	stamp *stamp // of a leaf; a tree has its own
}

// A stamp says when something was written. All that one write touches shares one.
type stamp struct {
	at      time.Time
	version int64 // of the section; 0 where Azure does not show it
}

func (t *tree) list() []member {
	if t == nil {
		return nil
	}
	return t.members
}

// find is the place of a key, or where it would be.
func (t *tree) find(key string) (int, bool) {
	return slices.BinarySearchFunc(t.list(), key, func(m member, key string) int { return strings.Compare(m.key, key) })
}

// Member makes a tree an object for queries.
func (t *tree) Member(name string) (any, bool) {
	list := t.list()
	if len(list) > 16 {
		i, ok := t.find(name)
		if !ok {
			return nil, false
		}
		return list[i].value, true
	}
	for i := range list { // few keys have the same length, and only those are fetched from memory
		if list[i].key == name {
			return list[i].value, true
		}
	}
	return nil, false
}

// Members are the members in the order of their keys.
func (t *tree) Members() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, m := range t.list() {
			if !yield(m.key, m.value) {
				return
			}
		}
	}
}

// merge applies a patch as RFC 7396 says: objects merge, null deletes, all else replaces. The stamp
// goes to all that is written and to what it lies in.
func (t *tree) merge(patch map[string]any, s *stamp) *tree {
	keys := slices.Sorted(maps.Keys(patch))
	old := t.list()
	members := make([]member, 0, len(old)+len(keys))
	for _, key := range keys {
		for len(old) > 0 && old[0].key < key {
			members, old = append(members, old[0]), old[1:]
		}
		var before any
		if len(old) > 0 && old[0].key == key {
			before, old = old[0].value, old[1:]
		}
		if m, stays := mergeMember(shared(key), before, patch[key], s); stays {
			members = append(members, m)
		}
	}
	members = append(members, old...)
	if len(members) < cap(members) {
		members = slices.Clone(members)
	}
	return &tree{s, members}
}

func mergeMember(key string, before, v any, s *stamp) (m member, stays bool) {
	switch v := v.(type) {
	case nil:
		return member{}, false
	case map[string]any:
		inner, _ := before.(*tree)
		return member{key: key, value: inner.merge(v, s)}, true
	}
	return member{key, v, s}, true
}

// shared is a key as all trees have it: fleets have many devices and few keys, and those in use stay near the processor.
func shared(key string) string { return unique.Make(key).Value() }

// plain is the tree as maps, which the caller may change at its top.
func (t *tree) plain() map[string]any {
	values := make(map[string]any, len(t.list()))
	for _, m := range t.list() {
		values[m.key] = m.plainValue()
	}
	return values
}

func (m member) plainValue() any {
	if inner, ok := m.value.(*tree); ok {
		return inner.plain()
	}
	return m.value
}

// metadata mirrors the tree: each level and each leaf with its stamp.
func (t *tree) metadata() map[string]any {
	meta := t.stamp.doc()
	for _, m := range t.members {
		if inner, ok := m.value.(*tree); ok {
			meta[m.key] = inner.metadata()
		} else {
			meta[m.key] = m.stamp.doc()
		}
	}
	return meta
}

func (s *stamp) doc() map[string]any {
	doc := map[string]any{"$lastUpdated": timeText(s.at)}
	if s.version != 0 {
		doc["$lastUpdatedVersion"] = float64(s.version)
	}
	return doc
}

// MarshalJSON prints the members in the order of their keys.
func (t *tree) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	t.printMembers(&b)
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (t *tree) printMembers(b *bytes.Buffer) {
	for i, m := range t.list() {
		if i > 0 {
			b.WriteByte(',')
		}
		printText(b, m.key)
		b.WriteByte(':')
		switch v := m.value.(type) {
		case *tree:
			b.WriteByte('{')
			v.printMembers(b)
			b.WriteByte('}')
		case string:
			printText(b, v)
		default:
			b.Write(encodeJSON(v))
		}
	}
}

// printText prints most texts as they are, since encoding/json costs more than all the rest of a twin.
func printText(b *bytes.Buffer, s string) {
	escaped := func(c rune) bool { return c < ' ' || c >= 0x7f || c == '"' || c == '\\' }
	if strings.ContainsFunc(s, escaped) {
		b.Write(encodeJSON(s))
		return
	}
	b.WriteByte('"')
	b.WriteString(s)
	b.WriteByte('"')
}

// size counts as Azure does.
func (t *tree) size() int {
	size := 0
	for _, m := range t.list() {
		size += textSize(m.key)
		if inner, ok := m.value.(*tree); ok {
			size += inner.size()
		} else {
			size += sizeOf(m.value)
		}
	}
	return size
}
