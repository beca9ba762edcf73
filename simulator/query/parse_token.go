package query

import "strings"

// advance takes the next token.
func (p *parser) advance() {
	if p.err != nil {
		return
	}
	tok, err := p.scan.next()
	if err != nil {
		p.stop(err)
		return
	}
	p.tok = tok
}

// take takes the next token if it is this word or symbol.
func (p *parser) take(text string) bool {
	if !p.tok.is(text) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expectWord(word string) {
	if !p.take(word) {
		p.unexpected(word)
	}
}

func (p *parser) expectEnd(expected ...string) {
	if p.tok.kind != tokenEnd {
		p.unexpected(expected...)
	}
}

// unexpected says that the next token is none of those that could stand there.
func (p *parser) unexpected(expected ...string) {
	found := p.tok.String()
	if p.tok.kind == tokenEnd {
		found += " of the " + p.what
	}
	p.fail(p.tok.pos, "expected %s, found %s%s", either(expected), found, hint(p.tok))
}

// fail stops at a mistake, unless there was one before.
func (p *parser) fail(pos int, format string, args ...any) {
	if p.err == nil {
		p.stop(newError(p.scan.text, pos, format, args...))
	}
}

// stop keeps the first mistake and makes the rest of the text the end.
func (p *parser) stop(err *Error) {
	p.err = err
	p.tok = token{pos: len(p.scan.text)}
}

// either is "a, b or c".
func either(list []string) string {
	last := len(list) - 1
	if last == 0 {
		return list[0]
	}
	return strings.Join(list[:last], ", ") + " or " + list[last]
}
