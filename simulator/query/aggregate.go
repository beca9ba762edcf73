package query

import (
	"encoding/binary"
	"iter"
	"math"
)

// Aggregate reads docs, keeps those that match, and has a row for each group in the order in
// which the groups turned up, at most Top rows. Without GROUP BY there is one row, even of no
// documents. A group's row lacks the columns whose path the group has not. Objects and arrays
// cannot be grouped by; their documents are with those that have no such member.
//
// A document is not looked at any more when the next one comes, so one Object may stand for all.
//
// COUNT counts documents. SUM and AVG see numbers only, MIN and MAX also booleans and strings,
// which come before and after the numbers; with nothing to see, the column is missing.
func (q *Query) Aggregate(docs iter.Seq[Object]) Groups {
	g := groups{query: q, byKey: map[string]*group{}}
	if len(q.group) == 0 {
		g.add("", nil)
	}
	for doc := range docs {
		if q.Match(doc) {
			g.of(doc).see(doc)
		}
	}
	if q.Top > 0 && len(g.list) > q.Top {
		g.list = g.list[:q.Top]
	}
	return g.list
}

// Groups are what documents were put into. They do not change.
type Groups []*group

// Row is the row of the group with a number below len.
func (g Groups) Row(i int) map[string]any { return g[i].row() }

type groups struct {
	query *Query
	byKey map[string]*group
	list  Groups
	key   []byte // of the document at hand; kept for its memory
}

// of finds the group of doc, a new one if there is none yet.
func (g *groups) of(doc Object) *group {
	g.key = g.key[:0]
	for _, path := range g.query.group {
		g.key = appendKey(g.key, path.eval(doc))
	}
	if found := g.byKey[string(g.key)]; found != nil {
		return found
	}
	return g.add(string(g.key), doc)
}

func (g *groups) add(key string, first Object) *group {
	group := &group{columns: g.query.columns, cells: make([]cell, len(g.query.columns))}
	for i, c := range group.columns {
		group.cells[i].value = undefined
		if c.aggregate == "" {
			group.cells[i].value = primitive(c.path.eval(first))
		}
	}
	g.byKey[key] = group
	g.list = append(g.list, group)
	return group
}

// appendKey encodes v so that different values, and no others, have different keys.
func appendKey(key []byte, v any) []byte {
	v = primitive(v)
	key = append(key, byte(kindOf(v)))
	switch v := v.(type) {
	case bool:
		return append(key, byte(truth(v)))
	case float64:
		return binary.BigEndian.AppendUint64(key, math.Float64bits(v+0)) // -0 becomes 0
	case string:
		return append(binary.AppendUvarint(key, uint64(len(v))), v...)
	default:
		return key
	}
}

func primitive(v any) any {
	if kindOf(v).primitive() {
		return v
	}
	return undefined
}

// A group is the documents that become one row.
type group struct {
	columns []column
	cells   []cell // of each column
}

// A cell is what a column has come to so far.
type cell struct {
	value any     // a path's value; the least or greatest so far
	sum   float64 // of the numbers
	count int     // of the numbers; for COUNT, of the documents
}

func (g *group) see(doc Object) {
	for i, c := range g.columns {
		if c.aggregate == "COUNT" {
			g.cells[i].count++
		} else if c.aggregate != "" {
			g.cells[i].see(c.aggregate, c.path.eval(doc))
		}
	}
}

func (c *cell) see(aggregate string, v any) {
	if f, ok := v.(float64); ok {
		c.sum += f
		c.count++
	}
	if k := kindOf(v); k < kindBool || k > kindString {
		return
	}
	if c.value == undefined ||
		aggregate == "MIN" && compare(v, c.value) < 0 ||
		aggregate == "MAX" && compare(v, c.value) > 0 {
		c.value = v
	}
}

func (g *group) row() map[string]any {
	row := make(map[string]any, len(g.columns))
	for i, c := range g.columns {
		if v := g.cells[i].result(c.aggregate); v != undefined {
			row[c.key] = v
		}
	}
	return row
}

func (c cell) result(aggregate string) any {
	switch {
	case aggregate == "COUNT":
		return float64(c.count)
	case aggregate != "SUM" && aggregate != "AVG":
		return c.value
	case c.count == 0:
		return undefined
	case aggregate == "AVG":
		return finite(c.sum / float64(c.count))
	default:
		return finite(c.sum)
	}
}
