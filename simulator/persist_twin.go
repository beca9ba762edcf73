package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/twinbook/twinbook/simulator/query"
)

// A keptTwin is a twin in the state folder. In a section each object has the number of its stamp under
// "$", which no key of a twin has, and each leaf is a pair: the number of its stamp, and its value.
type keptTwin struct {
	Version  int64          `json:"version"`
	ETag     uint64         `json:"etag"`
	Tags     map[string]any `json:"tags"`
	Desired  keptSection    `json:"desired"`
	Reported keptSection    `json:"reported"`
	Stamps   []keptStamp    `json:"stamps"`
}

type keptSection struct {
	Version int64          `json:"version"`
	Since   time.Time      `json:"since"`
	Values  map[string]any `json:"values"`
}

type keptStamp struct {
	At      time.Time `json:"at"`
	Version int64     `json:"version,omitempty"`
}

// A twinWriter prints twins, as this is done for each change of one.
type twinWriter struct {
	b       []byte
	numbers map[*stamp]int
	stamps  []*stamp
}

// keep is the twin as JSON of a keptTwin.
func (t *twin) keep() json.RawMessage {
	w := &twinWriter{numbers: map[*stamp]int{}}
	w.b = strconv.AppendInt(append(w.b, `{"version":`...), t.version, 10)
	w.b = strconv.AppendUint(append(w.b, `,"etag":`...), t.etag, 10)
	w.b = append(w.b, `,"tags":`...)
	w.tree(t.tags)
	w.b = append(w.b, `,"desired":`...)
	w.section(t.desired)
	w.b = append(w.b, `,"reported":`...)
	w.section(t.reported)
	w.b = append(w.b, `,"stamps":[`...)
	for i, s := range w.stamps {
		w.comma(i)
		w.b = append(w.b, encodeJSON(keptStamp{s.at, s.version})...)
	}
	return append(w.b, `]}`...)
}

func (w *twinWriter) comma(i int) {
	if i > 0 {
		w.b = append(w.b, ',')
	}
}

func (w *twinWriter) section(s section) {
	w.b = strconv.AppendInt(append(w.b, `{"version":`...), s.version, 10)
	w.b = s.since.AppendFormat(append(w.b, `,"since":"`...), time.RFC3339Nano)
	w.b = append(w.b, `","values":`...)
	w.tree(s.root)
	w.b = append(w.b, '}')
}

func (w *twinWriter) tree(t *tree) {
	if t == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, `{"$":`...)
	w.number(t.stamp)
	for _, m := range t.members {
		w.b = append(append(append(w.b, ','), encodeJSON(m.key)...), ':')
		if inner, ok := m.value.(*tree); ok {
			w.tree(inner)
			continue
		}
		w.b = append(w.b, '[')
		w.number(m.stamp)
		w.b = append(append(append(w.b, ','), encodeJSON(m.value)...), ']')
	}
	w.b = append(w.b, '}')
}

// number prints the number of a stamp, by which trees that share it will share it again.
func (w *twinWriter) number(s *stamp) {
	n, known := w.numbers[s]
	if !known {
		n = len(w.stamps)
		w.numbers[s], w.stamps = n, append(w.stamps, s)
	}
	w.b = strconv.AppendInt(w.b, int64(n), 10)
}

// twin is the twin that was kept.
func (k *keptTwin) twin() (twin, error) {
	stamps := make([]*stamp, len(k.Stamps))
	for i, s := range k.Stamps {
		stamps[i] = &stamp{s.At, s.Version}
	}
	t := twin{version: k.Version, etag: k.ETag, desired: k.Desired.section(), reported: k.Reported.section()}
	for _, s := range []struct {
		values map[string]any
		root   **tree
	}{{k.Tags, &t.tags}, {k.Desired.Values, &t.desired.root}, {k.Reported.Values, &t.reported.root}} {
		if s.values == nil {
			continue
		}
		var err error
		if *s.root, err = keptTree(s.values, stamps); err != nil {
			return twin{}, err
		}
	}
	t.marks = query.MarksOf(t.tags)
	return t, nil
}

func (k keptSection) section() section { return section{version: k.Version, since: k.Since} }

// keptTree makes a tree of an object with stamps.
func keptTree(values map[string]any, stamps []*stamp) (*tree, error) {
	own, err := keptStampOf(values["$"], stamps)
	if err != nil {
		return nil, err
	}
	t := &tree{stamp: own, members: make([]member, 0, len(values)-1)}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if key == "$" {
			continue
		}
		m, err := keptMember(key, values[key], stamps)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		t.members = append(t.members, m)
	}
	return t, nil
}

func keptMember(key string, v any, stamps []*stamp) (member, error) {
	switch v := v.(type) {
	case map[string]any:
		inner, err := keptTree(v, stamps)
		return member{key: key, value: inner}, err
	case []any:
		if len(v) == 2 && v[1] != nil {
			s, err := keptStampOf(v[0], stamps)
			return member{key, v[1], s}, err
		}
	}
	return member{}, errors.New("neither an object nor a stamp and a value")
}

func keptStampOf(v any, stamps []*stamp) (*stamp, error) {
	n, ok := v.(float64)
	if !ok || n < 0 || n != math.Trunc(n) || n >= float64(len(stamps)) {
		return nil, fmt.Errorf("%v is no stamp's number", v)
	}
	return stamps[int(n)], nil
}
