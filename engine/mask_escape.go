package engine

import (
	"html"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxLayers is how many escapes inside each other are seen through, such as those of JSON in a URL.
const maxLayers = 2

// An escaping is a way to write characters by others. Writers differ in which characters they escape, and in how, so a
// text is read back instead of comparing it with every spelling of a secret.
type escaping struct {
	marks string // an escape begins with one of these
	// read appends what the escape at the beginning of text stands for, and gives its length; 0: it is none.
	read    func(to []byte, text string) ([]byte, int)
	isQuery bool // + may be itself, or a blank
}

var escapings = []escaping{
	{marks: `\`, read: readBackslash},
	{marks: "%+", read: readPercent, isQuery: true},
	{marks: "&", read: readEntity},
}

// mayBeIn says no for most texts, and at once.
func (e escaping) mayBeIn(text string) bool {
	for i := range len(e.marks) {
		if strings.IndexByte(text, e.marks[i]) >= 0 {
			return true
		}
	}
	return false
}

// decode gives the text that was escaped; not ok: nothing in it was.
func (e escaping) decode(text string) (decoded string, ok bool) {
	if !e.mayBeIn(text) {
		return "", false
	}
	var b []byte
	done := 0
	e.each(text, func(start, end int, value []byte) {
		if b == nil {
			b = make([]byte, 0, len(text))
		}
		b = append(append(b, text[done:start]...), value...)
		done = end
	})
	if b == nil {
		return "", false
	}
	return string(append(b, text[done:]...)), true
}

// origins gives where spans of the decoded text, which do not overlap, are in text.
func (e escaping) origins(text string, decoded []span) []span {
	found := slices.Clone(decoded)
	starts, ends := found, found // those whose start, or end, is not known yet
	before := 0                  // how far a place is behind that of the decoded text
	move := func(to int, within span) {
		for ; len(starts) > 0 && starts[0].start < to; starts = starts[1:] {
			starts[0].start = min(starts[0].start+before, within.start)
		}
		for ; len(ends) > 0 && ends[0].end <= to; ends = ends[1:] {
			if ends[0].end += before; ends[0].end > within.start {
				ends[0].end = within.end
			}
		}
	}
	e.each(text, func(start, end int, value []byte) {
		move(start-before+len(value), span{start, end})
		before += end - start - len(value)
	})
	move(len(text), span{len(text), len(text)})
	return found
}

// each calls f with every escape in text: where it is, and what it stands for.
func (e escaping) each(text string, f func(start, end int, value []byte)) {
	var room [8]byte
	value := room[:0]
	for at := 0; ; {
		i := strings.IndexAny(text[at:], e.marks)
		if i < 0 {
			return
		}
		at += i
		var size int
		if value, size = e.read(value[:0], text[at:]); size == 0 {
			at++
			continue
		}
		f(at, at+size, value)
		at += size
	}
}

// readBackslash reads the escapes of JSON and of the programming languages that are like it.
func readBackslash(to []byte, text string) ([]byte, int) {
	if len(text) < 2 {
		return to, 0
	}
	switch c := text[1]; c {
	case 'u':
		return readUTF16(to, text)
	case 'U':
		r, ok := hexAt(text, 2, 8)
		if !ok {
			return to, 0
		}
		return utf8.AppendRune(to, r), 10
	case 'x':
		return readHex(to, text, 2)
	case '"', '\'', '\\', '/':
		return append(to, c), 2
	default:
		i := strings.IndexByte("abfnrtv", c)
		if i < 0 {
			return to, 0
		}
		return append(to, "\a\b\f\n\r\t\v"[i]), 2
	}
}

// readUTF16 reads \u00e4, or two of them that are one character together.
func readUTF16(to []byte, text string) ([]byte, int) {
	r, ok := hexAt(text, 2, 4)
	if !ok {
		return to, 0
	}
	if low, ok := hexAt(text, 8, 4); ok && text[6:8] == `\u` {
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			return utf8.AppendRune(to, both), 12
		}
	}
	return utf8.AppendRune(to, r), 6
}

// readPercent reads %2F and %2f of a URL, and + of its query.
func readPercent(to []byte, text string) ([]byte, int) {
	if text[0] == '+' {
		return append(to, ' '), 1
	}
	return readHex(to, text, 1)
}

// readHex reads a byte that is written with two hexadecimal digits.
func readHex(to []byte, text string, digits int) ([]byte, int) {
	r, ok := hexAt(text, digits, 2)
	if !ok {
		return to, 0
	}
	return append(to, byte(r)), digits + 2
}

func hexAt(text string, start, digits int) (n rune, ok bool) {
	if len(text) < start+digits {
		return 0, false
	}
	for _, c := range []byte(text[start : start+digits]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, false
		}
		n = n<<4 | rune(digit)
	}
	return n, true
}

// longestEntity is that of HTML, &CounterClockwiseContourIntegral;.
const longestEntity = 33

// readEntity reads the character references of HTML and XML, with which pages show errors.
func readEntity(to []byte, text string) ([]byte, int) {
	size := strings.IndexByte(text[:min(len(text), longestEntity)], ';') + 1
	if size == 0 {
		return to, 0
	}
	value := html.UnescapeString(text[:size])
	if value == text[:size] || len(value) > size {
		return to, 0
	}
	return append(to, value...), size
}
