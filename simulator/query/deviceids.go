package query

import "slices"

// DeviceIDs gives the only device ids that can match, each once, in the order of the text, if the
// WHERE clause names them: by deviceId = 'x' or deviceId IN ['x', 'y'], alone or under AND, or in
// each branch of an OR. The caller then need not look at other devices; those named still have to
// pass Match. With ok false any device may match.
func (q *Query) DeviceIDs() (ids []string, ok bool) {
	if q.where == nil {
		return nil, false
	}
	return deviceIDs(q.where)
}

func deviceIDs(e expr) ([]string, bool) {
	switch e := e.(type) {
	case *comparison:
		if e.op != "=" {
			return nil, false
		}
		if c, ok := e.right.(*constant); ok && isDeviceID(e.left) {
			return stringsOf(c.value), true
		}
		if c, ok := e.left.(*constant); ok && isDeviceID(e.right) {
			return stringsOf(c.value), true
		}
	case *in:
		if !e.nin && isDeviceID(e.left) {
			return stringsOf(e.list...), true
		}
	case *logic:
		if e.or {
			return union(e.operands)
		}
		return intersection(e.operands)
	}
	return nil, false
}

func isDeviceID(e expr) bool {
	p, ok := e.(*path)
	return ok && len(p.names) == 1 && p.names[0] == "deviceId"
}

// stringsOf keeps the strings: no device id equals any other constant.
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
func union(operands []expr) ([]string, bool) {
	var all []any
	for _, e := range operands {
		ids, ok := deviceIDs(e)
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
func intersection(operands []expr) (ids []string, known bool) {
	for _, e := range operands {
		more, ok := deviceIDs(e)
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
