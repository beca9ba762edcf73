package engine

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine/expr"
)

// The parser's own line of a syntax error is often wrong, and for an unclosed quote it is the end
// of the file. The line after the longest prefix of whole lines that parses is where people have
// to look. Looking for it costs a parse a line, so it begins where the parser
// stopped, and is bounded in bytes.
const (
	prefixBudget = 2 << 20
	searchBudget = 2 << 20
)

// syntaxProblem says in plain words what the parser did not like, at the line to look at.
func (f *File) syntaxProblem(err error) {
	said, theirs := parserWords(err)
	line := f.brokenLine(theirs)
	for _, n := range []int{line, theirs, theirs - 1, theirs + 1} {
		if slip := f.lineSlip(n, said); slip != nil {
			f.problem(slip.Pos, slip.Width, "yaml-syntax", slip.Hint, "%s", slip.Msg)
			return
		}
	}
	text := f.line(line)
	trimmed := strings.TrimLeft(text, " ")
	col := utf8.RuneCountInString(text) - utf8.RuneCountInString(trimmed) + 1
	f.problem(Pos{File: f.Name, Line: line, Col: col}, utf8.RuneCountInString(strings.TrimRight(trimmed, " \t")), "yaml-syntax", "", "%s", plainWords(said))
}

var parserLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// parserWords takes the parser's message and line apart; without one it is line 1.
func parserWords(err error) (said string, line int) {
	m := parserLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	line, convErr := strconv.Atoi(m[1])
	if convErr != nil {
		line = 1
	}
	return m[2], line
}

// brokenLine is the first line behind the longest prefix that parses.
func (f *File) brokenLine(theirs int) int {
	last := len(f.lines)
	for last > 1 && strings.TrimSpace(f.lines[last-1]) == "" {
		last--
	}
	high := last - 1
	if near := theirs + 2; near < high && !f.prefixParses(near) {
		high = near - 1
	}
	budget := prefixBudget
	for n := high; n > 0; n-- {
		size := f.prefixSize(n)
		if budget -= size; budget < 0 {
			return f.searchBroken(n, min(max(theirs, 1), last))
		}
		if f.prefixParses(n) {
			return n + 1
		}
	}
	return 1
}

// searchBroken halves the lines up to high; it may end at an earlier place that only looks broken.
func (f *File) searchBroken(high, fallback int) int {
	low, budget := 0, searchBudget
	for low+1 < high {
		middle := (low + high) / 2
		if budget -= f.prefixSize(middle); budget < 0 {
			return fallback
		}
		if f.prefixParses(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low + 1
}

func (f *File) prefixSize(n int) int {
	size := 0
	for _, line := range f.lines[:n] {
		size += len(line) + 1
	}
	return size
}

func (f *File) prefixParses(n int) bool {
	_, err := parseYAML([]byte(strings.Join(f.lines[:n], "\n") + "\n"))
	return err == nil
}

// plainWords translates what the parser says where it speaks of its insides.
func plainWords(said string) string {
	for _, t := range parserSays {
		if strings.Contains(said, t.part) {
			return t.plain
		}
	}
	return "this is not valid YAML: " + said
}

var parserSays = []struct{ part, plain string }{
	{"found unexpected end of stream", "a quote is opened here and never closed"},
	{"unexpected end of file", "a quote is opened here and never closed"},
	{"did not find expected ',' or ']'", "a list in [ ] is not closed, or a comma is missing"},
	{"did not find expected ',' or '}'", "a mapping in { } is not closed, or a comma is missing"},
	{"did not find expected node content", "a value is missing between the commas or brackets"},
	{"mapping values are not allowed", "a second \": \" in one line, or a line that is indented too far"},
	{"did not find expected key", "this line does not continue what stands above it; look at its indentation and at quotes"},
	{"did not find expected '-' indicator", "this line does not continue the list above it; look at its indentation"},
	{"block sequence entries are not allowed", "a list cannot begin here; put the \"- \" in a line of its own"},
	{"could not find expected ':'", "a key without \": \" behind it"},
	{"found unknown escape character", "an unknown escape in double quotes; write single quotes, or double the backslash"},
	{"did not find expected hexdecimal number", "an incomplete escape in double quotes; write single quotes, or double the backslash"},
	{"found invalid Unicode character escape", "an escape in double quotes that is no character"},
	{"exceeded max depth", "lists and mappings are too deep inside each other"},
	{"exceeding max depth", "lists and mappings are too deep inside each other"},
	{"cannot start any token", "a value cannot begin with this character; put it in quotes"},
	{"found undefined tag handle", "YAML tags are not supported"},
	{"did not find expected <document start>", "directives (%) are not supported; put the text in quotes"},
	{"unknown anchor", "an alias (*) of an anchor that is not defined above; put text that begins with * in quotes"},
	{"did not find expected alphabetic or numeric character", "& and * begin anchors and aliases; put the text in quotes"},
	{"found a tab character", "a tab in the indentation; YAML wants spaces"},
	{"control characters are not allowed", "a character that YAML does not allow"},
}

// A slip is a known mistake in a line, with the line as it should be.
type slip = Problem

var (
	keyedLine   = regexp.MustCompile(`^(\s*(?:- +)*(?:[A-Za-z_][\w.-]*: +)?)(\S.*?)\s*$`)
	gluedColon  = regexp.MustCompile(`^(\s*(?:- +)*)([A-Za-z_]\w*):([^\s:/].*)$`)
	quotedStart = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\[[^\]]*\]|\{[^}]*\})\s*[^\s#]`)
	aliasWord   = regexp.MustCompile(`\*[\w.-]+`)

	// bareCron is a time of a schedule that begins with what YAML has a use for, to the end of the line or of { }.
	bareCron = regexp.MustCompile(`^(.*\bcron: +)([*@][\w*/,@ ?-]*?)(\s*(?:}.*|,\s*\w+:.*| #.*)?)$`)
	// bareQuestion is a text inside { } that ends in a question mark, which YAML takes for the beginning of a key.
	bareQuestion = regexp.MustCompile(`^(.*[{,]\s*\w+: +)([^\s"'{}\[\],][^"{}\[\],]*\?)\s*[,}].*$`)
)

// lineSlip recognises what people get wrong in one line.
func (f *File) lineSlip(n int, said string) *slip {
	line := f.line(n)
	at := func(col, width int, hint, msg string) *slip {
		return &slip{Pos: Pos{File: f.Name, Line: n, Col: col}, Width: width, Hint: hint, Msg: msg}
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
		return at(tab+1, 1, "replace the tab by spaces", "a tab in the indentation; YAML wants spaces")
	}
	if fixed, col, why := quoteTemplates(line); fixed != "" {
		return at(col, 3, "write: "+strings.TrimSpace(fixed), why)
	}
	if m := bareCron.FindStringSubmatch(line); m != nil && m[2] != "" {
		return at(utf8.RuneCountInString(m[1])+1, utf8.RuneCountInString(m[2]), fmt.Sprintf("write: cron: %q", expr.Shorten(m[2], 60)), "a time that begins with "+m[2][:1]+" must stand in quotes")
	}
	if m := bareQuestion.FindStringSubmatch(line); m != nil && strings.Contains(said, "expected ',' or") {
		key := strings.TrimLeft(m[1][strings.LastIndexAny(m[1], "{,")+1:], " ")
		return at(utf8.RuneCountInString(m[1])+1, utf8.RuneCountInString(m[2]), "write: "+key+yamlQuoted(expr.Shorten(m[2], 200)), "inside { }, a text with a ? at its end must stand in quotes")
	}
	if m := aliasWord.FindStringIndex(line); m != nil && strings.Contains(said, "unknown anchor '"+line[m[0]+1:m[1]]+"'") {
		return at(utf8.RuneCountInString(line[:m[0]])+1, m[1]-m[0], "", plainWords(said))
	}
	m := keyedLine.FindStringSubmatch(line)
	if m == nil || strings.HasPrefix(m[2], "#") {
		return nil
	}
	col, width := utf8.RuneCountInString(m[1])+1, utf8.RuneCountInString(m[2])
	write := "write: " + strings.TrimSpace(m[1]) + " " + yamlQuoted(m[2])
	switch {
	case quotedStart.MatchString(m[2]) && operatorAfter(m[2]):
		return at(col, width, write, "an expression that begins with a quote or a bracket must stand in quotes")
	case strings.ContainsAny(m[2][:1], "@`%") && strings.Contains(said, "cannot start"):
		return at(col, 1, write, "a value cannot begin with "+m[2][:1])
	case m[1] != "" && strings.Contains(m[2], ": ") && strings.Contains(said, "mapping values") && !strings.ContainsAny(m[2][:1], `"'{[`):
		colon := strings.Index(m[2], ": ")
		return at(col+utf8.RuneCountInString(m[2][:colon]), 1, write, "YAML takes the \": \" in this text for another key")
	}
	if g := gluedColon.FindStringSubmatch(line); g != nil && strings.Contains(said, "expected ':'") {
		return at(utf8.RuneCountInString(g[1]+g[2])+1, 1, "write: "+g[2]+": "+g[3], "a space is missing behind the colon")
	}
	return nil
}

var operatorStart = regexp.MustCompile(`^\s*(?:[=!<>+*/%|?-]|in\b|not\b|and\b|or\b|matches\b|contains\b|startsWith\b|endsWith\b|\.\.)`)

// operatorAfter says whether an operator follows the quoted text or bracket at the start.
func operatorAfter(text string) bool {
	loc := quotedStart.FindStringIndex(text)
	_, last := utf8.DecodeLastRuneInString(text[:loc[1]])
	return operatorStart.MatchString(text[loc[1]-last:])
}

// yamlQuoted writes a text in YAML's quotes, single ones unless double ones read better.
func yamlQuoted(text string) string {
	if strings.Contains(text, "'") && !strings.ContainsAny(text, `"\`) {
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
