package state

// A place is where a record's line stands in the log.
type place struct {
	offset int64
	length int32 // with its end
}

// An index says where the last line of each record is.
type index struct {
	kinds map[string]map[string]place
	live  int64 // bytes of these lines
}

func newIndex() index { return index{kinds: map[string]map[string]place{}} }

// take follows a line of the log.
func (x *index) take(kind, key string, removed bool, p place) {
	places := x.kinds[kind]
	if places == nil {
		places = map[string]place{}
		x.kinds[kind] = places
	}
	x.live -= int64(places[key].length)
	if removed {
		delete(places, key)
		return
	}
	x.live += int64(p.length)
	places[key] = p
}

// current says whether the line at offset is the last of its record.
func (x *index) current(l line, offset int64) bool {
	p, there := x.kinds[string(l.kind)][string(l.key)]
	return there && p.offset == offset
}
