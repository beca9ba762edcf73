// Package query is Azure IoT Hub's query language: it parses a query, and says which documents
// match it and what rows they give.
//
//	SELECT tags.site AS site, COUNT() AS devices FROM devices
//	WHERE status = 'enabled' AND properties.reported.battery < 20 GROUP BY tags.site
//
// The package is pure: documents are handed in as an Object each, rows are handed out. Where they
// come from, in what order, and how an answer is cut into pages is the caller's business.
//
// A condition has three outcomes. Whatever touches a missing member is undefined, also under NOT,
// and only true selects a document: neither tags.a = 1 nor tags.a != 1 nor NOT tags.a = 1 finds a
// device that has no tags.a. Words and functions ignore case, and so do the members a hub defines
// (DeviceId is deviceId); names below tags and properties do not.
//
// A query that parses here without Options.Superset uses nothing that is known to fail on a hub.
// Parsing and matching are safe on text of any origin: length and nesting are bounded.
package query

import (
	"fmt"
	"unicode/utf8"
)

// MaxLength is how many characters a query may have; a hub refuses longer ones.
const MaxLength = 8192

// Options say which dialect to accept. Zero is the language of twin queries on a hub.
type Options struct {
	// Superset also accepts the functions that a hub knows in message routes only, such as LOWER.
	Superset bool
}

// A Collection is what a query reads.
type Collection int

// The collections of a hub.
const (
	Devices Collection = iota // device twins
	Modules                   // module twins
	Jobs                      // what each job did on each device
)

// String is the collection as it stands after FROM.
func (c Collection) String() string {
	switch c {
	case Modules:
		return "devices.modules"
	case Jobs:
		return "devices.jobs"
	default:
		return "devices"
	}
}

// A Query is a parsed query. It does not change, and any number of goroutines may use it at once.
type Query struct {
	From Collection
	Star bool // SELECT *: the answer is the documents themselves
	Top  int  // the most rows wanted; 0 without TOP

	columns []column
	where   expr // nil: every document
	screen  screen
	group   []*path
}

// A column is one item of the select list.
type column struct {
	aggregate string // "COUNT", "AVG", ...; empty for a plain path
	path      *path  // nil for COUNT
	key       string // its name in the row
	pos       int    // where it stands in the text, in bytes
}

// Parse reads a whole query. An error is an *Error.
func Parse(text string, opt Options) (*Query, error) {
	return parse(text, opt, (*parser).query)
}

// ParseCondition reads what a job has as its queryCondition: the text after WHERE, the same with
// FROM devices.modules WHERE in front, or * for all. The query it gives selects whole documents.
// An error is an *Error.
func ParseCondition(text string, opt Options) (*Query, error) {
	return parse(text, opt, (*parser).condition)
}

func parse(text string, opt Options, read func(*parser) *Query) (*Query, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	p := newParser(text, opt)
	q := read(p)
	if p.err == nil {
		p.resolve(q)
	}
	if p.err != nil {
		return nil, p.err
	}
	q.screen = screenOf(q.where)
	return q, nil
}

// checkText refuses what is too long or no text, before anything else looks at it.
func checkText(text string) error {
	if len(text) > MaxLength*utf8.UTFMax || utf8.RuneCountInString(text) > MaxLength {
		return &Error{Pos: MaxLength, Msg: fmt.Sprintf("the query is longer than %d characters", MaxLength)}
	}
	for i, r := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
			return newError(text, i, "the query is not valid UTF-8")
		}
	}
	return nil
}

// Aggregates reports whether rows come from Aggregate: the query counts, sums up or groups.
func (q *Query) Aggregates() bool {
	if len(q.group) > 0 {
		return true
	}
	for _, c := range q.columns {
		if c.aggregate != "" {
			return true
		}
	}
	return false
}

// Match reports whether the WHERE clause selects doc.
func (q *Query) Match(doc Object) bool {
	return q.where == nil || q.where.eval(doc) == true
}

// Project gives the row of doc for a query that has columns and does not aggregate. Values are
// those of the document, not copies; a column whose path is missing is missing from the row.
func (q *Query) Project(doc Object) map[string]any {
	row := make(map[string]any, len(q.columns))
	for _, c := range q.columns {
		if v := c.path.eval(doc); v != undefined {
			row[c.key] = v
		}
	}
	return row
}
