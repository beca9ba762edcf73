package query

import "slices"

// resolve finishes a query once FROM is known: paths get their final form, columns their names,
// and what a hub refuses for this collection is refused.
func (p *parser) resolve(q *Query) {
	for _, path := range p.paths {
		path.resolve(q.From)
		if first := path.names[0]; q.From == Jobs && (first == "tags" || first == "properties") {
			p.fail(path.pos, "a query on devices.jobs sees the members of a job (jobId, deviceId, status and so on), not %s of the device", first)
		}
	}
	p.checkColumns(q)
	p.checkGroup(q)
}

// checkColumns names the columns. Two of one name would lose a value without a word.
func (p *parser) checkColumns(q *Query) {
	seen := map[string]bool{}
	for i := range q.columns {
		c := &q.columns[i]
		if q.From == Jobs {
			p.fail(c.pos, "devices.jobs can be read with SELECT * only")
		}
		if c.key == "" {
			c.key = c.path.last()
		}
		if seen[c.key] {
			p.fail(c.pos, "a second column is called %s: give it a name with AS", quote(shorten(c.key)))
		}
		seen[c.key] = true
	}
}

// checkGroup wants each column of a grouped query to have one value a group.
func (p *parser) checkGroup(q *Query) {
	if len(q.group) > 0 && q.From == Jobs {
		p.fail(p.groupPos, "devices.jobs cannot be grouped")
	}
	if len(q.group) > 0 && q.Star {
		p.fail(p.groupPos, "SELECT * cannot be grouped: name the columns")
	}
	if !q.Aggregates() {
		return
	}
	for _, c := range q.columns {
		if c.aggregate == "" && !slices.ContainsFunc(q.group, c.path.same) {
			p.fail(c.pos, "%s must be in GROUP BY or in an aggregate such as MAX()", c.path)
		}
	}
}
