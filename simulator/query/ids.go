package query

import "slices"

// DeviceIDs gives the only device ids that can match, each once, in the order of the text, if the
// WHERE clause names them: by deviceId = 'x' or deviceId IN ['x', 'y'], alone or under AND, or in
// each branch of an OR. The caller then need not look at other devices; those named still have to
// pass Match. With ok false any device may match.
func (q *Query) DeviceIDs() (ids []string, ok bool) { return q.named("deviceId") }

// JobIDs is the same of the ids of jobs, for a query on devices.jobs.
func (q *Query) JobIDs() (ids []string, ok bool) { return q.named("jobId") }

// named is the only values that a member of the first level can have where the query matches.
func (q *Query) named(member string) (ids []string, ok bool) {
	if q.where == nil {
		return nil, false
	}
	return idsIn(q.where, member)
}

func idsIn(e expr, member string) ([]string, bool) {
	switch e := e.(type) {
	case *comparison:
		if e.op != "=" {
			return nil, false
		}
		if c, ok := e.right.(*constant); ok && isMember(e.left, member) {
			return stringsOf(c.value), true
		}
		if c, ok := e.left.(*constant); ok && isMember(e.right, member) {
			return stringsOf(c.value), true
		}
	case *in:
		if !e.nin && isMember(e.left, member) {
			return stringsOf(e.list...), true
		}
	case *logic:
		if e.or {
			return union(e.operands, member)
		}
		return intersection(e.operands, member)
	}
	return nil, false
}

func isMember(e expr, name string) bool {
	p, ok := e.(*path)
	return ok && len(p.names) == 1 && p.names[0] == name
}

// stringsOf keeps the strings: no id equals any other constant.
func stringsOf(values ...any) []string {
	var list []string
	seen := map[string]bool{}
	for _, v := range values {
		if s, ok := v.(string); ok && !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

// union is what can match any operand, known only if it is known of each.
func union(operands []expr, member string) ([]string, bool) {
	var all []any
	for _, e := range operands {
		ids, ok := idsIn(e, member)
		if !ok {
			return nil, false
		}
		for _, id := range ids {
			all = append(all, id)
		}
	}
	return stringsOf(all...), true
}

// intersection is what can match all operands, known if it is known of one.
func intersection(operands []expr, member string) (ids []string, known bool) {
	for _, e := range operands {
		more, ok := idsIn(e, member)
		switch {
		case !ok:
		case !known:
			ids, known = more, true
		default:
			ids = slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(more, id) })
		}
	}
	return ids, known
}
