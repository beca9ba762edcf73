package engine

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// A Pos is a place in a file. Lines and columns count from 1, columns in characters.
type Pos struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"column"`
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// A Problem is one thing wrong with a file, found before anything is touched.
type Problem struct {
	Pos   Pos    `json:"pos"`
	Width int    `json:"width"` // characters to underline, at least 1
	Rule  string `json:"rule"`  // "unknown-step"; docs/problems.md has a section for each
	Msg   string `json:"message"`
	Hint  string `json:"hint,omitempty"` // what to write instead, if we know
	Line  string `json:"line"`           // the source line, for the excerpt
}

func (p Problem) Error() string { return fmt.Sprintf("%s: %s [%s]", p.Pos, p.Msg, p.Rule) }

// Problems is all that is wrong with a file and the files it calls.
type Problems []Problem

// MaxShown is how many problems a text output shows before it only counts.
const MaxShown = 20

// Error is the first problem on one line, and how many more there are.
func (ps Problems) Error() string {
	switch len(ps) {
	case 0:
		return "no problems"
	case 1:
		return ps[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", ps[0].Error(), len(ps)-1)
}

// Err is the problems as an error, nil where there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Text shows the first MaxShown problems, each with its source line and a caret, and says how
// many more there are.
func (ps Problems) Text() string {
	var b strings.Builder
	for i, p := range ps {
		if i == MaxShown {
			least := ""
			if len(ps) >= maxProblems {
				least = "at least "
			}
			fmt.Fprintf(&b, "… and %s%d more\n", least, len(ps)-i)
			break
		}
		b.WriteString(p.Text())
	}
	return b.String()
}

// Text shows the problem with its source line, a caret range and the hint, without colour.
func (p Problem) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", strings.Map(printable, p.Error()))
	if p.Line == "" {
		if p.Hint != "" {
			fmt.Fprintf(&b, "    | %s\n", strings.Map(printable, p.Hint))
		}
		return b.String()
	}
	number := fmt.Sprintf("%3d", p.Pos.Line)
	blank := strings.Repeat(" ", len(number))
	line, col := p.marked()
	under := strings.Repeat("^", max(1, min(p.Width, utf8.RuneCountInString(line)-col+1)))
	fmt.Fprintf(&b, "%s | %s\n", number, line)
	hint := strings.Map(printable, p.Hint)
	if hint != "" {
		hint = " " + hint
	}
	fmt.Fprintf(&b, "%s | %s%s%s\n", blank, indentLike(line, col), under, hint)
	return b.String()
}

const (
	excerptWidth  = 160 // characters
	excerptBefore = 60  // of them, before the place
)

// Excerpt is the part of the source line around the problem, and the column it begins with: 1 unless
// the line is very long.
func (p Problem) Excerpt() (text string, from int) {
	excess := utf8.RuneCountInString(p.Line) - excerptWidth
	if excess <= 0 {
		return p.Line, 1
	}
	from = 1 + max(0, min(p.Pos.Col-1-excerptBefore, excess))
	text = p.Line[byteOffset(p.Line, from):]
	return text[:byteOffset(text, excerptWidth+1)], from
}

// marked is the excerpt as text shows it, with marks where the line goes on, and the problem's column in it.
func (p Problem) marked() (line string, col int) {
	text, from := p.Excerpt()
	line, col = strings.Map(printable, text), p.Pos.Col-from+1
	if from > 1 {
		line, col = "…"+line, col+1
	}
	if from-1+excerptWidth < utf8.RuneCountInString(p.Line) {
		line += "…"
	}
	return line, col
}

// printable keeps a hostile file from writing control sequences to the terminal.
func printable(r rune) rune {
	if r != '\t' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0) {
		return '\ufffd'
	}
	return r
}

// indentLike is the space before a column, with the tabs of the line itself.
func indentLike(line string, col int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i == col-1 {
			return b.String()
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	for b.Len() < col-1 && b.Len() < excerptWidth {
		b.WriteByte(' ')
	}
	return b.String()
}

// sorted is the problems in the order of the file, each once.
func (ps Problems) sorted() Problems {
	sort.SliceStable(ps, func(i, j int) bool {
		a, b := ps[i].Pos, ps[j].Pos
		switch {
		case a.File != b.File:
			return false // the order in which files were met
		case a.Line != b.Line:
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	var out Problems
	for i, p := range ps {
		if i == 0 || p != ps[i-1] {
			out = append(out, p)
		}
	}
	return out
}
