package query

import (
	"fmt"
	"unicode/utf8"
)

// An Error says why a query was refused. There is at most one a query: the first.
type Error struct {
	Pos int    // where, in characters from the start of the text; 0 is the first
	Msg string // what stood there and what was expected
}

// Error counts columns from 1, as editors do.
func (e *Error) Error() string { return fmt.Sprintf("query, col %d: %s", e.Pos+1, e.Msg) }

// newError makes an Error from an offset in bytes.
func newError(text string, offset int, format string, args ...any) *Error {
	return &Error{Pos: utf8.RuneCountInString(text[:offset]), Msg: fmt.Sprintf(format, args...)}
}
