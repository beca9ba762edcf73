package expr

import (
	"errors"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"
)

// syntax explains why expr cannot read the source. Most often it is a habit from another
// language, so those are looked for first.
func (c *check) syntax(err error) {
	from, message := 0, err.Error()
	var e *file.Error
	if errors.As(err, &e) {
		from, message = min(e.From, len(c.source.runes)), e.Message
	}
	source := string(c.source.runes)
	switch {
	case strings.TrimSpace(source) == "":
		c.whole("syntax", "the expression is empty", "")
	case c.template(source):
	case strings.Contains(message, "maximum allowed nodes"):
		c.whole("expression-size", "the expression is too long: it may have 500 parts at most", "split it into several")
	case strings.Contains(message, "cannot be mixed"):
		c.mixedCoalesce(from, source)
	case strings.Contains(message, "literal not terminated"):
		c.openText()
	case c.foreignWord(from):
	case from >= len(c.source.runes) || strings.Contains(message, "EOF"):
		c.at(len(c.source.runes)-1, len(c.source.runes), "syntax", "", "the expression ends too early: something is missing, perhaps a closing bracket")
	default:
		c.at(from, from+1, "syntax", "", "the expression cannot be read from here on: %q", Shorten(string(c.source.runes[from:]), 40))
	}
}

// openText is a text without its last quote.
func (c *check) openText() {
	start, quote := -1, rune(0)
	for i, r := range c.source.runes {
		switch {
		case start < 0 && strings.ContainsRune("\"'`", r):
			start, quote = i, r
		case start >= 0 && r == quote && c.source.runes[i-1] != '\\':
			start = -1
		}
	}
	c.at(max(start, 0), len(c.source.runes), "syntax", "end it with the quote it begins with", "a text is not closed")
}

var (
	templateText = regexp.MustCompile(`^\s*\$*\{\{?(.*?)\}?\}\s*$`)
	templateIn   = regexp.MustCompile(`\$*\{\{\s*(.*?)\s*\}\}|\$\{\s*(.*?)\s*\}`)
)

// template is ${{ }}, {{ }} or ${ } around the expression or inside it.
func (c *check) template(source string) bool {
	for _, open := range []string{"${{", "${", "{{"} {
		at := strings.Index(source, open)
		if at < 0 {
			continue
		}
		inside := templateIn.ReplaceAllString(source, "$1$2")
		if m := templateText.FindStringSubmatch(source); m != nil {
			inside = m[1]
		}
		from := len([]rune(source[:at]))
		c.at(from, from+len(open), "template-in-expression", "write "+strings.TrimSpace(Shorten(inside, 200)),
			"this is an expression already, so %s is not needed", open)
		return true
	}
	return false
}

// mixedCoalesce is a ?? b == c.
func (c *check) mixedCoalesce(from int, source string) {
	hint := "write brackets: (a ?? b) == c"
	before := string(c.source.runes[:from])
	if at := strings.LastIndex(before, "??"); at >= 0 {
		start := 0
		for _, stop := range []string{" and ", " or ", "&&", "||", "(", ",", "not "} {
			if i := strings.LastIndex(before[:at], stop); i >= 0 {
				start = max(start, i+len(stop))
			}
		}
		start += len(before[start:]) - len(strings.TrimLeft(before[start:], " "))
		hint = "write " + before[:start] + "(" + strings.TrimRight(before[start:], " ") + ") " + string(c.source.runes[from:])
	}
	c.at(from, from+1, "syntax", hint, "what ?? belongs to is not clear: it needs brackets")
}

// A foreignOperator is a word or sign of another language, with ours.
type foreignOperator struct{ theirs, ours, why string }

// foreign are those that people write most; the longest come first.
var foreign = []foreignOperator{
	{"===", "==", "equality is =="}, {"!==", "!=", "inequality is !="}, {"<>", "!=", "inequality is !="}, {"=>", ">=", "the order is >="}, {"=<", "<=", "the order is <="},
	{"AND", "and", "the word is and"}, {"OR", "or", "the word is or"}, {"NOT", "not", "the word is not"}, {"IN", "in", "the word is in"},
	{"LIKE", "matches", "the word is matches"}, {"IS", "==", "equality is =="}, {"is", "==", "equality is =="}, {"equals", "==", "equality is =="},
	{"&", "and", "the word is and"}, {"|", "or", "the word is or"}, {"=", "==", "equality is =="}, {"~", "matches", "the operator is matches"},
}

// foreignWord looks for a foreign operator where the parser gave up or just before, and then for
// a logical one anywhere: what follows those is read as something else.
func (c *check) foreignWord(from int) bool {
	for _, f := range foreign {
		if c.foreignBetween(f, max(from-len(f.theirs), 0), from) {
			return true
		}
	}
	for _, f := range foreign {
		if f.ours == "and" || f.ours == "or" || f.ours == "not" {
			if c.foreignBetween(f, 0, from) {
				return true
			}
		}
	}
	return false
}

var pipe = regexp.MustCompile(`^\|\s*\w+\s*\(`)

func (c *check) foreignBetween(f foreignOperator, from, to int) bool {
	runes, size := c.source.runes, len(f.theirs)
	for at := from; at <= to && at+size <= len(runes); at++ {
		if string(runes[at:at+size]) != f.theirs || !standsAlone(runes, at, size) || pipe.MatchString(string(runes[at:])) {
			continue
		}
		hint := string(runes[:at]) + f.ours + string(runes[at+size:])
		c.at(at, at+size, "syntax", "write "+Shorten(hint, 200), "%s; %s is not known", f.why, f.theirs)
		return true
	}
	return false
}

// standsAlone says whether an operator is not part of a longer sign or word.
func standsAlone(runes []rune, at, size int) bool {
	neighbour := func(i int) bool {
		if i < 0 || i >= len(runes) {
			return false
		}
		word := isWordRune(runes[at])
		return word && isWordRune(runes[i]) || !word && strings.ContainsRune("=!<>&|~", runes[i])
	}
	return !neighbour(at-1) && !neighbour(at+size)
}

func isWordRune(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
