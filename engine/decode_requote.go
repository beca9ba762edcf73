package engine

import (
	"strings"
	"unicode/utf8"
)

// quoteTemplates puts each value with ${{ }} in the right quotes: one that stands bare inside { }
// or [ ], where YAML takes its braces for mappings, and one that ends at a quote inside its own
// expression. It returns the line so, the column of the first such value and what is wrong with
// it, or nothing.
func quoteTemplates(line string) (fixed string, col int, why string) {
	r := requoter{line: line}
	for r.at < len(line) {
		if !r.next() {
			return "", 0, ""
		}
	}
	if !r.found {
		return "", 0, ""
	}
	return r.out.String(), utf8.RuneCountInString(line[:r.first]) + 1, r.why
}

type requoter struct {
	line  string
	at    int
	depth int // of { } and [ ]
	out   strings.Builder
	found bool
	first int // where the first such value begins
	why   string
}

// next copies one bracket, value or other character; false if a template is not closed.
func (r *requoter) next() bool {
	c := r.line[r.at]
	switch {
	case c == '{' || c == '[':
		r.depth++
	case c == '}' || c == ']':
		r.depth = max(0, r.depth-1)
	case c == '"' || c == '\'':
		return r.quoted()
	case r.depth > 0 && !strings.ContainsRune(" ,:", rune(c)):
		return r.plain()
	}
	return r.copy(1)
}

func (r *requoter) copy(n int) bool {
	r.out.WriteString(r.line[r.at : r.at+n])
	r.at += n
	return true
}

// quoted copies a quoted value. Where its end is a quote of the expression inside, the value goes
// on to the end of the expression and the quote behind it.
func (r *requoter) quoted() bool {
	rest := r.line[r.at:]
	length := quotedBytes(rest)
	open := strings.LastIndex(rest[:length], "${{")
	if open < 0 || strings.Contains(rest[open:length], "}}") {
		return r.copy(length)
	}
	end := templateEnd(rest[open+3:])
	if end < 0 {
		return r.copy(length)
	}
	end += open + 5
	closing := strings.IndexByte(rest[end:], rest[0])
	if closing < 0 {
		return r.copy(length)
	}
	r.wrong("a quote inside the expression ends this text")
	r.out.WriteString(yamlQuoted(rest[1 : end+closing]))
	r.at += end + closing + 1
	return true
}

func (r *requoter) wrong(why string) {
	if !r.found {
		r.first, r.found, r.why = r.at, true, why
	}
}

// quotedBytes is the length of the quoted text at the start, all of it if the quote stays open.
func quotedBytes(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[0] == '"' && text[i] == '\\':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return len(text)
}

// plain copies a value without quotes inside brackets, with quotes where it holds a template.
func (r *requoter) plain() bool {
	end, template := r.at, false
	for end < len(r.line) && !strings.ContainsRune(",]}", rune(r.line[end])) && !strings.HasPrefix(r.line[end:], ": ") {
		if !strings.HasPrefix(r.line[end:], "${{") {
			end++
			continue
		}
		length := templateEnd(r.line[end+3:])
		if length < 0 {
			return false
		}
		end, template = end+3+length+2, true
	}
	if !template {
		return r.copy(end - r.at)
	}
	r.wrong("inside { } and [ ] every ${{ }} must be in quotes")
	value := strings.TrimRight(r.line[r.at:end], " ")
	r.out.WriteString(quotedFor(value))
	r.at += len(value)
	return true
}

func quotedFor(text string) string {
	if strings.ContainsAny(text, `"\`) {
		return yamlQuoted(text)
	}
	return `"` + text + `"`
}
