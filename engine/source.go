package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/twinbook/twinbook/engine/expr"
)

// MaxSource is how large a source file may be, in bytes.
const MaxSource = 1 << 20

const (
	maxExpansion = 10_000 // nodes that aliases may stand for, all together
	maxNodeDepth = 400    // of lists and mappings inside each other
	maxProblems  = 1_000  // collected for a file; nobody reads more
	maxMessage   = 1_000  // characters of a problem's message, and of its hint: both may repeat what the file says
)

// A File is a source file with the problems found in it so far. Open it, decode it by a Shape,
// compile what it holds, then read its Problems.
type File struct {
	Name     string
	Source   []byte
	lines    []string
	root     *yamlNode
	problems Problems
	hidden   []string // texts that stand here by mistake and must not be shown

	split struct { // what runes keeps
		number, end int
		line        []rune
	}
}

// Open reads the YAML of a file. The problems of a file that is no YAML are in Problems.
func Open(name string, source []byte) *File {
	f := &File{Name: name, Source: source}
	if !f.readable() {
		return f
	}
	f.lines = strings.Split(strings.ReplaceAll(string(bytes.TrimPrefix(source, bom)), "\r\n", "\n"), "\n")
	f.parse()
	return f
}

// Problems is all that is wrong with the file, in its order.
func (f *File) Problems() Problems {
	problems := f.problems.sorted()
	slices.SortFunc(f.hidden, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // one may be in another
	for _, secret := range slices.Compact(f.hidden) {
		stars := strings.Repeat("*", utf8.RuneCountInString(secret))
		for i := range problems {
			problems[i].Line = strings.ReplaceAll(problems[i].Line, secret, stars)
		}
	}
	return problems
}

// Hide has a text that stands in the file by mistake, such as a secret, not shown with any problem.
func (f *File) Hide(text string) {
	if text != "" {
		f.hidden = append(f.hidden, text)
	}
}

// Problem notes that something is wrong at a place, in a way that no Shape knows; width is how many
// characters to underline.
func (f *File) Problem(at Pos, width int, rule, hint, msg string) {
	f.problem(at, width, rule, hint, "%s", msg)
}

// problem notes that something is wrong at a place; width is how many characters to underline.
func (f *File) problem(pos Pos, width int, rule, hint, format string, args ...any) {
	if f.full() {
		return
	}
	f.problems = append(f.problems, Problem{
		Pos: pos, Width: max(1, width), Rule: rule, Hint: expr.Shorten(hint, maxMessage),
		Msg: expr.Shorten(fmt.Sprintf(format, args...), maxMessage), Line: f.line(pos.Line),
	})
}

// full says whether nothing more is noted.
func (f *File) full() bool { return len(f.problems) >= maxProblems }

// wrong notes a problem with a whole node.
func (f *File) wrong(n *yamlNode, rule, hint, format string, args ...any) {
	f.problem(f.pos(n), f.width(n), rule, hint, format, args...)
}

func (f *File) pos(n *yamlNode) Pos { return Pos{File: f.Name, Line: n.line, Col: n.col} }

// line is a line of the source without its end, from 1; empty outside of the file.
func (f *File) line(n int) string {
	if n < 1 || n > len(f.lines) {
		return ""
	}
	return f.lines[n-1]
}

// runes is a line as characters, and how many there are up to the blanks at its end. The last line asked
// for is kept: of a file that is one long line, each value asks for it.
func (f *File) runes(n int) (line []rune, end int) {
	if f.split.number != n || n == 0 {
		f.split.number, f.split.line = n, []rune(f.line(n))
		f.split.end = len(f.split.line)
		for f.split.end > 0 && unicode.IsSpace(f.split.line[f.split.end-1]) {
			f.split.end--
		}
	}
	return f.split.line, f.split.end
}

// parse fills f.root, or notes why there is none.
func (f *File) parse() {
	tree, err := parseYAML([]byte(strings.Join(f.lines, "\n")))
	if err != nil {
		f.syntaxProblem(err)
		return
	}
	if len(tree) == 0 || len(tree[0].Content) == 0 {
		f.problem(Pos{File: f.Name, Line: 1, Col: 1}, 1, "empty-file", "", "the file is empty")
		return
	}
	if len(tree) > 1 {
		second := tree[1]
		f.problem(Pos{File: f.Name, Line: second.Line, Col: 1}, 3, "many-documents", "make it a file of its own",
			"a second document begins here; a file holds one")
	}
	c := converter{file: f, done: map[*yaml.Node]*yamlNode{}}
	f.root = c.convert(tree[0].Content[0], 0)
}

// parseYAML gives the first two documents. The parser has panicked on odd comments before
// (go-yaml/yaml#961 and others); hostile text must not end the process.
func parseYAML(text []byte) (documents []*yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(text))
	for len(documents) < 2 {
		n := new(yaml.Node)
		err := d.Decode(n)
		if err != nil && err.Error() == "EOF" {
			break
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, n)
	}
	return documents, nil
}

// A converter makes our nodes of the parser's: aliases resolved within limits, and everything
// refused that would silently mean something else than it says.
type converter struct {
	file     *File
	done     map[*yaml.Node]*yamlNode
	expanded int
	stopped  bool
}

func (c *converter) convert(y *yaml.Node, depth int) *yamlNode {
	if y.Kind == yaml.AliasNode {
		return c.alias(y)
	}
	n := &yamlNode{line: y.Line, col: y.Column, text: y.Value, size: 1, style: styleOf(y)}
	n.valueLine, n.valueCol = c.file.skipProperties(n, y.Anchor)
	if depth > maxNodeDepth {
		if !c.stopped {
			c.file.wrong(n, "too-deep", "", "lists and mappings are more than %d deep here", maxNodeDepth)
		}
		c.stopped = true
		return n
	}
	c.refuseTag(y, n)
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = nodeList
		for _, item := range y.Content {
			n.add(c.convert(item, depth+1))
		}
	case yaml.MappingNode:
		n.kind = nodeMap
		c.entries(y, n, depth)
	}
	c.done[y] = n
	return n
}

func (c *converter) entries(y *yaml.Node, n *yamlNode, depth int) {
	seen := make(map[string]*yamlNode, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := c.convert(y.Content[i], depth+1), c.convert(y.Content[i+1], depth+1)
		n.size += key.size + value.size
		if c.refuseKey(y.Content[i], key, n) {
			continue
		}
		if first := seen[key.text]; first != nil {
			c.file.wrong(key, "doubled-key", fmt.Sprintf("the first one is in line %d", first.line), "the key %q stands here twice", key.text)
			continue
		}
		seen[key.text] = key
		n.entries = append(n.entries, yamlEntry{key: key, value: value})
	}
}

// refuseKey says what is wrong with a key that is no text.
func (c *converter) refuseKey(y *yaml.Node, key, in *yamlNode) bool {
	switch {
	case key.kind == nodeMap && in.style == styleFlow && strings.HasPrefix(c.file.lineRest(in), "{{"):
		in.braces = true // noted where it is known whether an expression may stand there
	case key.kind != nodeScalar:
		c.file.wrong(key, "key-not-text", "", "a key must be text, not %s", key.what())
	case key.isNull() || key.isNumber() || isBool(key):
		c.file.wrong(key, "key-not-text", "put it in quotes: "+yamlQuoted(key.text), "a key must be text, not %s", key.what())
	case y.Tag == "!!merge" && y.Style == 0:
		c.file.wrong(key, "merge-key", "write the keys out, or reuse a whole value with an alias: key: *name", "merge keys (<<) are not supported")
	default:
		return false
	}
	return true
}

func (c *converter) alias(y *yaml.Node) *yamlNode {
	at := &yamlNode{line: y.Line, col: y.Column, text: "*" + y.Value}
	n := c.done[y.Alias]
	switch {
	case n == nil:
		c.file.wrong(at, "alias-cycle", "", "the anchor &%s contains itself", y.Value)
		return at
	case c.stopped:
		return at
	}
	if c.expanded += n.size; c.expanded > maxExpansion {
		c.stopped = true
		c.file.wrong(at, "alias-bomb", "", "the aliases up to here stand for more than %d values", maxExpansion)
		return at
	}
	return n
}

func (c *converter) refuseTag(y *yaml.Node, n *yamlNode) {
	line, _ := c.file.runes(n.valueLine)
	bare := y.Kind == yaml.ScalarNode && y.Style == 0 && n.valueCol <= len(line) && line[n.valueCol-1] == '!'
	if y.Style&yaml.TaggedStyle == 0 && !bare {
		return
	}
	tag := strings.Fields(string(line[min(n.valueCol-1, len(line)):]) + " !")[0]
	name := strings.TrimPrefix(tag, "!")
	hint := "remove the tag, or put the text in quotes"
	if !strings.HasPrefix(tag, "!!") {
		hint = fmt.Sprintf("remove the tag, or put the text in quotes; in a condition write: not %s", strings.TrimSpace(name+" "+y.Value))
	}
	n.tagged = true
	c.file.problem(Pos{File: c.file.Name, Line: n.valueLine, Col: n.valueCol}, utf8.RuneCountInString(tag), "yaml-tag", hint, "%s is a YAML tag; tags are not supported", tag)
}

func styleOf(y *yaml.Node) nodeStyle {
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		return styleDouble
	case y.Style&yaml.SingleQuotedStyle != 0:
		return styleSingle
	case y.Style&yaml.LiteralStyle != 0:
		return styleLiteral
	case y.Style&yaml.FoldedStyle != 0:
		return styleFolded
	case y.Style&yaml.FlowStyle != 0:
		return styleFlow
	}
	return stylePlain
}
