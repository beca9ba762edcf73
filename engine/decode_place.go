package engine

import (
	"strings"
	"unicode/utf8"
)

// A locator knows where in the file each character of a scalar's text stands: exactly for plain
// and quoted text and for blocks; where escapes or odd folding make that impossible, every
// character is at the scalar's beginning.
type locator struct {
	file   *File
	node   *yamlNode
	simple bool // one line, character by character
	walked bool
	spots  []spot
}

type spot struct{ line, col int32 }

func (f *File) locate(n *yamlNode) *locator {
	l := &locator{file: f, node: n}
	line, _ := f.runes(n.valueLine)
	switch n.style {
	case stylePlain:
		l.simple = standsAt(line, n.valueCol-1, n.text)
	case styleSingle, styleDouble:
		l.simple = standsAt(line, n.valueCol, n.text)
	}
	return l
}

// standsAt says whether a text stands in a line as it is, from the n-th character on, from 0.
func standsAt(line []rune, n int, text string) bool {
	for _, r := range text {
		if n >= len(line) || line[n] != r {
			return false
		}
		n++
	}
	return true
}

// byteOffset turns a column into an offset in bytes, at most the line's length.
func byteOffset(line string, col int) int {
	offset := 0
	for range col - 1 {
		if offset >= len(line) {
			return len(line)
		}
		_, size := utf8.DecodeRuneInString(line[offset:])
		offset += size
	}
	return offset
}

// at is the place of a character of the text; the one behind its last is allowed.
func (l *locator) at(offset int) Pos {
	n := l.node
	pos := Pos{File: l.file.Name, Line: n.valueLine, Col: n.valueCol}
	if l.simple {
		pos.Col += offset
		if n.style != stylePlain {
			pos.Col++
		}
		return pos
	}
	if !l.walked {
		l.spots, l.walked = l.walk(), true
	}
	switch {
	case offset < 0 || len(l.spots) == 0:
	case offset < len(l.spots):
		pos.Line, pos.Col = int(l.spots[offset].line), int(l.spots[offset].col)
	default:
		last := l.spots[len(l.spots)-1]
		pos.Line, pos.Col = int(last.line), int(last.col)+1
	}
	return pos
}

// walk goes through the source and the text side by side; nil if they do not agree.
func (l *locator) walk() []spot {
	w := walker{file: l.file, line: l.node.valueLine, col: l.node.valueCol, style: l.node.style}
	switch w.style {
	case styleSingle, styleDouble:
		w.col++
	case styleLiteral, styleFolded:
		w.enterBlock()
	}
	w.src, w.end = l.file.runes(w.line)
	text := []rune(l.node.text)
	for i := 0; i < len(text); {
		taken := w.step(text[i:])
		if taken == 0 {
			return nil
		}
		i += taken
	}
	return w.spots
}

type walker struct {
	file      *File
	style     nodeStyle
	line, col int
	indent    int // of a block
	src       []rune
	end       int // of src, without the blanks at its end
	spots     []spot
}

// enterBlock goes to the first line of a block with text and takes its indentation.
func (w *walker) enterBlock() {
	first := w.line + 1
	for first < len(w.file.lines) && strings.TrimSpace(w.file.line(first)) == "" {
		first++
	}
	text := w.file.line(first)
	w.indent = len(text) - len(strings.TrimLeft(text, " "))
	if w.style == styleFolded {
		w.line = first
	} else {
		w.line++
	}
	w.col = w.indent + 1
}

// step takes as many characters of the text as stand at one place; none if source and text differ.
func (w *walker) step(text []rune) int {
	w.spots = append(w.spots, spot{int32(w.line), int32(w.col)})
	if w.style == styleDouble && w.col <= len(w.src) && w.src[w.col-1] == '\\' {
		return 0
	}
	if w.col <= len(w.src) && w.src[w.col-1] == text[0] && !w.folds(text[0]) {
		if w.style == styleSingle && text[0] == '\'' {
			w.col++
		}
		w.col++
		return 1
	}
	if !w.lineEnds() || text[0] != '\n' && text[0] != ' ' {
		return 0
	}
	return w.nextLine(text)
}

// folds says whether a space is the blank end of a line, which folding drops.
func (w *walker) folds(r rune) bool {
	return r == ' ' && w.style != styleLiteral && w.style != styleFolded && w.lineEnds()
}

func (w *walker) lineEnds() bool {
	return w.col > w.end
}

// nextLine goes to the line with more text; every line break of the text is at the old line's end.
func (w *walker) nextLine(text []rune) int {
	w.line++
	if w.style == styleLiteral {
		w.src, w.end = w.file.runes(w.line)
		w.col = w.indent + 1
		return 1
	}
	for w.line < len(w.file.lines) && strings.TrimSpace(w.file.line(w.line)) == "" {
		w.line++
	}
	w.src, w.end = w.file.runes(w.line)
	w.col = w.indent + 1
	if w.style != styleFolded {
		source := string(w.src)
		w.col = len(source) - len(strings.TrimLeft(source, " \t")) + 1
	}
	taken := 1
	for taken < len(text) && text[0] == '\n' && text[taken] == '\n' {
		w.spots = append(w.spots, w.spots[len(w.spots)-1])
		taken++
	}
	return taken
}
