package simulator

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"time"

	"github.com/twinbook/twinbook/simulator/query"
)

// A twin is a device's three sections of JSON. A write makes new trees along its way and shares the
// rest, so that a copy of a twin is a snapshot.
type twin struct {
	marks    query.Marks // of the tags, for queries; zero: not computed
	tags     *tree
	desired  section
	reported section
	version  int64  // rises with every write
	etag     uint64 // rises with every write of the service
}

// A section is desired or reported properties.
type section struct {
	root    *tree // nil while the section is as it was made
	version int64
	since   time.Time // when the section was made
}

// newTwin is the twin of a new device; its numbers are those of Azure's.
func newTwin(now time.Time) twin {
	s := section{version: 1, since: now}
	return twin{marks: query.MarksOf((*tree)(nil)), desired: s, reported: s, version: 2, etag: 1}
}

// A change is what one write does to one section: merge it, or take its place.
type change struct {
	values  map[string]any // with nulls where members are to go
	replace bool
	clear   bool // the section was given as null: all its members are to go
}

// A serviceWrite is one write of the service. A nil change leaves its section alone.
type serviceWrite struct {
	tags, desired *change
	ifMatch       string // as in the header; empty: whatever it is
}

// apply makes a write of the service, all of it or nothing. The notice is what devices are told of
// the desired properties, or nil if those were not written.
func (t *twin) apply(w serviceWrite, now time.Time) (notice map[string]any, err error) {
	if !sameETag(w.ifMatch, t.etagText()) {
		return nil, etagMismatch.fault("Precondition failed: Device version did not match, existing version: %d", t.version).
			saying("the twin has changed since it was read; read it again, then write with its new etag (%s)", t.etagText())
	}
	next := *t
	if c := w.tags; c != nil {
		next.tags = c.to(t.tags, &stamp{at: now})
		next.marks = query.MarksOf(next.tags)
		if err := checkSize("Tags", next.tags, maxTags); err != nil {
			return nil, err
		}
	}
	if c := w.desired; c != nil {
		next.desired = t.desired.after(*c, &stamp{now, t.desired.version + 1})
		if err := checkSize("Properties.Desired", next.desired.root, maxProperties); err != nil {
			return nil, err
		}
		notice = c.notice(t.desired.root, next.desired.root)
		notice["$version"] = float64(next.desired.version)
	}
	next.version++
	next.etag++
	*t = next
	return notice, nil
}

// report makes a device's write of its reported properties. Version is the one it expects; 0 for any.
func (t *twin) report(patch map[string]any, version int64, now time.Time) error {
	if version != 0 && version != t.reported.version {
		return etagMismatch.fault("Precondition failed: reported $version is %d, not %d", t.reported.version, version)
	}
	s := t.reported.after(change{values: patch}, &stamp{at: now})
	if err := checkSize("Properties.Reported", s.root, maxProperties); err != nil {
		return err
	}
	t.reported = s
	t.version++
	return nil
}

func (s section) after(c change, st *stamp) section {
	s.root = c.to(s.root, st)
	s.version++
	return s
}

// metadata of a section that was never written has its age and nothing else.
func (s section) metadata() map[string]any {
	if s.root == nil {
		return (&stamp{at: s.since}).doc()
	}
	return s.root.metadata()
}

// to is what a section becomes.
func (c change) to(old *tree, s *stamp) *tree {
	if c.replace || c.clear {
		old = nil
	}
	return old.merge(c.values, s)
}

// notice is what a device has to merge to get from the old to the new state. The caller may change it
// at its top.
func (c change) notice(old, now *tree) map[string]any {
	switch {
	case c.clear:
		gone := make(map[string]any, len(old.list()))
		for _, m := range old.list() {
			gone[m.key] = nil
		}
		return gone
	case c.replace: // the complete new document, as Azure sends after a PUT
		return now.plain()
	}
	notice := maps.Clone(c.values)
	if notice == nil {
		notice = map[string]any{}
	}
	return notice
}

func (t *twin) etagText() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, t.etag))
}

const zeroTime = "0001-01-01T00:00:00Z"

// timeText is a time as the service writes it.
func timeText(t time.Time) string {
	if t.IsZero() {
		return zeroTime
	}
	return t.UTC().Format("2006-01-02T15:04:05.0000000Z")
}
