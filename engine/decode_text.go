package engine

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

var bom = []byte("\ufeff")

// readable refuses what is no text before the parser sees it.
func (f *File) readable() bool {
	at := Pos{File: f.Name, Line: 1, Col: 1}
	text := bytes.TrimPrefix(f.Source, bom)
	switch {
	case len(f.Source) > MaxSource:
		f.problem(at, 1, "file-size", "", "the file has %d bytes; at most %d are read", len(f.Source), MaxSource)
	case len(bytes.TrimSpace(text)) == 0:
		f.problem(at, 1, "empty-file", "", "the file is empty")
	default:
		return f.readableText(text)
	}
	return false
}

// readableText looks for bytes that are no text, and for line breaks that only YAML 1.1 knows:
// the parser would count lines otherwise than every editor.
func (f *File) readableText(text []byte) bool {
	line, col := 1, 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if why := unreadable(r, size, text[i:]); why != "" {
			f.lines = strings.Split(strings.ToValidUTF8(string(text), "\ufffd"), "\n")
			f.problem(Pos{File: f.Name, Line: line, Col: col}, 1, "not-text", "", "%s", why)
			return false
		}
		i, col = i+size, col+1
		if r == '\n' {
			line, col = line+1, 1
		}
	}
	return true
}

func unreadable(r rune, size int, rest []byte) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return "this is not UTF-8 text; save the file as UTF-8"
	case r == 0:
		return "a NUL character: this is not a text file"
	case r == '\r' && !bytes.HasPrefix(rest, []byte("\r\n")):
		return "a line ends with a carriage return alone; save the file with Unix or Windows line ends"
	case r == 0x85 || r == 0x2028 || r == 0x2029:
		return fmt.Sprintf("the invisible line break U+%04X; retype this line", r)
	case r < ' ' && r != '\n' && r != '\r' && r != '\t', r == 0x7f:
		return fmt.Sprintf("the control character U+%04X; remove it, or write it as an escape in double quotes", r)
	}
	return ""
}
