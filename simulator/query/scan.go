package query

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenName             // a word: keyword, function or part of a path
	tokenNumber           // value in num
	tokenString           // text is what the literal stands for
	tokenSymbol           // punctuation and operators
)

type token struct {
	kind tokenKind
	text string
	num  float64
	pos  int // in bytes
}

// String is the token as a message shows it.
func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenNumber:
		return "the number " + t.text
	case tokenString:
		return "the string " + quote(shorten(t.text))
	default:
		return strconv.Quote(shorten(t.text))
	}
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 30 {
		return string(r[:30]) + "…"
	}
	return s
}

// is reports whether the token is this word (in any case) or symbol.
func (t token) is(text string) bool {
	switch t.kind {
	case tokenName:
		return strings.EqualFold(t.text, text)
	case tokenSymbol:
		return t.text == text
	default:
		return false
	}
}

// A scanner cuts text into tokens, one at a time, so that the first mistake is the one reported.
type scanner struct {
	text string
	pos  int
}

func (s *scanner) next() (token, *Error) {
	s.pos += len(s.text[s.pos:]) - len(strings.TrimLeft(s.text[s.pos:], " \t\r\n"))
	start := s.pos
	if start == len(s.text) {
		return token{pos: start}, nil
	}
	switch c := s.text[start]; {
	case isNameStart(c):
		return s.name(), nil
	case isDigit(c):
		return s.number()
	case c == '\'' || c == '"':
		return s.string(c)
	default:
		return s.symbol()
	}
}

func (s *scanner) name() token {
	start := s.pos
	for s.pos < len(s.text) && isNamePart(s.text[s.pos]) {
		s.pos++
	}
	return token{kind: tokenName, text: s.text[start:s.pos], pos: start}
}

// number takes everything that clings to a digit, so that 12abc is one bad number and not two
// tokens that surprise later.
func (s *scanner) number() (token, *Error) {
	start := s.pos
	for s.pos < len(s.text) && s.inNumber(start) {
		s.pos++
	}
	t := token{kind: tokenNumber, text: s.text[start:s.pos], pos: start}
	var ok bool
	if t.num, ok = parseNumber(t.text); !ok {
		return t, newError(s.text, start, "%s is not a valid number, and a name cannot start with a digit", strconv.Quote(shorten(t.text)))
	}
	return t, nil
}

func (s *scanner) inNumber(start int) bool {
	c := s.text[s.pos]
	if c == '+' || c == '-' {
		return s.text[s.pos-1]|0x20 == 'e' && !isHex(s.text[start:])
	}
	return isNamePart(c) || c == '.'
}

func isHex(s string) bool { return len(s) > 1 && s[0] == '0' && s[1]|0x20 == 'x' }

// parseNumber reads a number as JSON writes it, or 0x and up to 16 hexadecimal digits.
func parseNumber(s string) (float64, bool) {
	if isHex(s) {
		n, err := strconv.ParseUint(s[2:], 16, 64)
		return float64(n), err == nil
	}
	var f float64
	err := json.Unmarshal([]byte(s), &f)
	return f, err == nil
}

func (s *scanner) string(delim byte) (token, *Error) {
	start := s.pos
	s.pos++
	var text strings.Builder
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case delim:
			s.pos++
			return token{kind: tokenString, text: text.String(), pos: start}, nil
		case '\\':
			r, err := s.escape()
			if err != nil {
				return token{}, err
			}
			text.WriteRune(r)
		default:
			text.WriteByte(c)
			s.pos++
		}
	}
	return token{}, newError(s.text, start, "the string that starts here has no closing %c", delim)
}

// escape reads \' \" \\ or \uXXXX, two of the last for a character beyond 16 bits.
func (s *scanner) escape() (rune, *Error) {
	start := s.pos
	if rest := s.text[start+1:]; rest != "" && strings.IndexByte(`'"\`, rest[0]) >= 0 {
		s.pos += 2
		return rune(rest[0]), nil
	}
	r, ok := s.codeUnit()
	if ok && utf16.IsSurrogate(r) {
		low, _ := s.codeUnit()
		r = utf16.DecodeRune(r, low)
		ok = r != utf8.RuneError
	}
	if !ok {
		return 0, newError(s.text, start, `a backslash may start only \' \" \\ or \uXXXX with four hexadecimal digits`)
	}
	return r, nil
}

func (s *scanner) codeUnit() (rune, bool) {
	rest := s.text[s.pos:]
	if len(rest) < 6 || rest[:2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(rest[2:6], 16, 16)
	s.pos += 6
	return rune(n), err == nil
}

func (s *scanner) symbol() (token, *Error) {
	start := s.pos
	for _, two := range []string{"!=", "<>", "<=", ">=", "==", "&&", "||"} {
		if strings.HasPrefix(s.text[start:], two) {
			s.pos += 2
			return token{kind: tokenSymbol, text: two, pos: start}, nil
		}
	}
	r, size := utf8.DecodeRuneInString(s.text[start:])
	s.pos += size
	if strings.ContainsRune("()[],.*=<>+-/%!", r) {
		return token{kind: tokenSymbol, text: string(r), pos: start}, nil
	}
	if r == ';' { // by its name, since a hub's messages end at the sign
		return token{}, newError(s.text, start, "unexpected semicolon: a query ends without one")
	}
	return token{}, newError(s.text, start, "unexpected character %q%s", r, characterHint(r))
}

func characterHint(r rune) string {
	switch {
	case strings.ContainsRune("‘’“”`´", r):
		return `: write strings in straight quotes, ' or "`
	case r >= utf8.RuneSelf:
		return ": outside strings only ASCII may stand, and a name with other characters is written ['name']"
	default:
		return ""
	}
}

func isDigit(c byte) bool     { return '0' <= c && c <= '9' }
func isNameStart(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '$' }
func isNamePart(c byte) bool  { return isNameStart(c) || isDigit(c) }

// isName reports whether s can stand as a name without brackets and quotes.
func isName(s string) bool {
	for i := range len(s) {
		if !isNamePart(s[i]) {
			return false
		}
	}
	return s != "" && isNameStart(s[0])
}

// quote writes s as a string literal that scans back to s.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
