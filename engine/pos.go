package engine

import (
	"fmt"
)

// A Pos is a place in a file. Lines and columns count from 1, columns in characters.
type Pos struct {
	File string
	Line int
	Col  int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// A Problem is one thing wrong with a file, found before anything is touched.
type Problem struct {
	Pos   Pos
	Width int    // characters to underline, at least 1
	Rule  string // "unknown-step"; docs/problems.md has a section for each
	Msg   string
	Hint  string // what to write instead, if we know
	Line  string // the source line, for the excerpt
}

func (p Problem) Error() string { return fmt.Sprintf("%s: %s [%s]", p.Pos, p.Msg, p.Rule) }
