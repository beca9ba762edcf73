package engine

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine/expr"
)

// A yamlNode is a piece of YAML with its place. Aliases are resolved, tags refused, keys are text.
type yamlNode struct {
	kind      nodeKind
	style     nodeStyle
	line, col int // where it begins, anchor included
	valueLine int // where its text begins, quotes included, behind an anchor
	valueCol  int
	text      string // of a scalar
	items     []*yamlNode
	entries   []yamlEntry
	size      int // nodes in it, itself included
	tagged    bool
	braces    bool // {{ x }}, meant as an expression
}

type yamlEntry struct{ key, value *yamlNode }

type nodeKind int

const (
	nodeScalar nodeKind = iota
	nodeList
	nodeMap
)

type nodeStyle int

const (
	stylePlain nodeStyle = iota
	styleSingle
	styleDouble
	styleLiteral
	styleFolded
	styleFlow
)

func (n *yamlNode) add(item *yamlNode) {
	n.items = append(n.items, item)
	n.size += item.size
}

// get is the value of a key, or nil.
func (n *yamlNode) get(key string) *yamlNode {
	for _, e := range n.entries {
		if e.key.text == key {
			return e.value
		}
	}
	return nil
}

// isNull says whether nothing, ~ or null is written.
func (n *yamlNode) isNull() bool {
	if n.kind != nodeScalar || n.style != stylePlain || n.tagged {
		return false
	}
	switch n.text {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

// bool is the value of true and false as YAML 1.2 writes them; yes and on are text.
func (n *yamlNode) bool() (value, ok bool) {
	if n.kind != nodeScalar || n.style != stylePlain {
		return false, false
	}
	switch n.text {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

func isBool(n *yamlNode) bool {
	_, ok := n.bool()
	return ok
}

// numberSource is how a number is written: as in JSON, with a leading + or a bare point allowed.
// 010, 1_000, 0x1f and dates stay text, since people who write them seldom mean a number.
var numberSource = regexp.MustCompile(`^[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$`)

func (n *yamlNode) isNumber() bool {
	return n.kind == nodeScalar && n.style == stylePlain && numberSource.MatchString(n.text)
}

// what names the node for a message: "a list", "the text x".
func (n *yamlNode) what() string {
	switch {
	case n.kind == nodeList:
		return "a list"
	case n.kind == nodeMap:
		return "a mapping"
	case n.isNull():
		return "nothing"
	case n.isNumber():
		return "the number " + expr.Shorten(n.text, 30)
	}
	if _, ok := n.bool(); ok {
		return n.text
	}
	if strings.TrimSpace(n.text) == "" {
		return "an empty text"
	}
	return "the text " + expr.CompactJSON(expr.Shorten(n.text, 40))
}

// width is how many characters of its first line a node takes.
func (f *File) width(n *yamlNode) int {
	if n.kind != nodeScalar {
		return 1
	}
	line, end := f.runes(n.line)
	if n.col > end {
		return 1
	}
	rest := line[n.col-1 : end]
	switch n.style {
	case styleSingle, styleDouble:
		return quotedWidth(rest)
	case styleLiteral, styleFolded:
		return len(rest)
	}
	first, _, _ := strings.Cut(n.text, "\n")
	return min(utf8.RuneCountInString(first), len(rest))
}

// valueWidth is how many characters the value at a place takes on its line, as far as one can see.
func (f *File) valueWidth(at Pos) int {
	line := f.line(at.Line)
	rest := line[byteOffset(line, at.Col):]
	if rest == "" {
		return 1
	}
	if rest[0] == '"' || rest[0] == '\'' {
		return quotedWidth([]rune(rest))
	}
	if end := valueEnd.FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	return utf8.RuneCountInString(rest)
}

var valueEnd = regexp.MustCompile(`: |:$|[,\]}]| #|\s*$`)

// quotedWidth is the length of the quoted text that a line begins with.
func quotedWidth(runes []rune) int {
	for i := 1; i < len(runes); i++ {
		switch {
		case runes[0] == '"' && runes[i] == '\\':
			i++
		case runes[i] == runes[0] && runes[0] == '\'' && i+1 < len(runes) && runes[i+1] == '\'':
			i++
		case runes[i] == runes[0]:
			return i + 1
		}
	}
	return len(runes)
}

// skipProperties finds where the text of a node begins behind its anchor.
func (f *File) skipProperties(n *yamlNode, anchor string) (line, col int) {
	line, col = n.line, n.col
	if anchor == "" {
		return line, col
	}
	col += 1 + utf8.RuneCountInString(anchor)
	for line <= len(f.lines) {
		runes, _ := f.runes(line)
		for col <= len(runes) && (runes[col-1] == ' ' || runes[col-1] == '\t') {
			col++
		}
		if col <= len(runes) && runes[col-1] != '#' {
			return line, col
		}
		line, col = line+1, 1
	}
	return n.line, n.col
}
