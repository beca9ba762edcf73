package engine

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	secretName = regexp.MustCompile(`^secrets\.([A-Za-z_][A-Za-z0-9_]*)$`)
	// bareBraces are ${{ }} of which a part was left out, around a name that is clearly meant.
	bareBraces = regexp.MustCompile(`(?:^|[^$])(\{\{\s*(?:inputs|vars|steps|secrets|run|device|item|error)\.[^{}]*\}\}|\$\{\s*(?:inputs|vars|steps|secrets|run|device|item|error)\.[^{}]*\}|\$\(\s*(?:inputs|vars|steps|secrets)\.[^()]*\))`)
)

// templateEnd is the offset of the }} that closes an expression, -1 if none does. Braces and
// quotes inside the expression are the expression's.
func templateEnd(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'', '`':
			end := quoteEnd(text[i:])
			if end < 0 {
				return -1
			}
			i += end
		case '{':
			depth++
		case '}':
			if depth == 0 && strings.HasPrefix(text[i:], "}}") {
				return i
			}
			depth = max(0, depth-1)
		}
	}
	return -1
}

// quoteEnd is the offset of the quote that closes the one text begins with, -1 if none does.
func quoteEnd(text string) int {
	for i := 1; i < len(text); i++ {
		if text[i] == '\\' && text[0] != '`' {
			i++
		} else if text[i] == text[0] {
			return i
		}
	}
	return -1
}

// template reads a text with ${{ }} in it. literal is what the value is without any.
func (f *File) template(n *yamlNode, literal any) *Value {
	v := &Value{Pos: f.pos(n), Kind: ValueLiteral, Lit: literal}
	if !strings.Contains(n.text, "${{") {
		f.bareBraces(n)
		return v
	}
	t := templateReader{file: f, node: n, loc: f.locate(n)}
	t.read(n.text)
	if len(t.parts) == 1 && t.parts[0].Expr == nil && t.parts[0].Secret == "" {
		v.Lit = t.parts[0].Text
		return v
	}
	v.Kind, v.Lit, v.Parts = ValueTemplate, nil, t.parts
	return v
}

func (f *File) bareBraces(n *yamlNode) {
	m := bareBraces.FindStringSubmatchIndex(n.text)
	if m == nil {
		return
	}
	found := n.text[m[2]:m[3]]
	inner := strings.TrimSpace(strings.Trim(found, "${}()"))
	from := utf8.RuneCountInString(n.text[:m[2]])
	f.problem(f.locate(n).at(from), utf8.RuneCountInString(found), "template-syntax", "write: ${{ "+inner+" }}", "an expression stands in ${{ }}")
}

type templateReader struct {
	file  *File
	node  *yamlNode
	loc   *locator
	parts []TextPart
	text  strings.Builder
	chars int // characters before what is still to be read
}

func (t *templateReader) read(text string) {
	for text != "" {
		i := strings.Index(text, "${{")
		switch {
		case i < 0:
			t.text.WriteString(text)
			text = ""
		case i > 0 && text[i-1] == '$':
			t.text.WriteString(text[:i-1] + "${{")
			text = t.skip(text, i+3)
		default:
			t.text.WriteString(text[:i])
			text = t.expression(t.skip(text, i+3))
		}
	}
	t.flush()
}

func (t *templateReader) skip(text string, bytes int) string {
	t.chars += utf8.RuneCountInString(text[:bytes])
	return text[bytes:]
}

func (t *templateReader) flush() {
	if t.text.Len() > 0 || len(t.parts) == 0 {
		t.parts = append(t.parts, TextPart{Text: t.text.String()})
		t.text.Reset()
	}
}

// expression reads what stands behind ${{ and returns what follows its }}.
func (t *templateReader) expression(text string) string {
	end := templateEnd(text)
	if end < 0 {
		t.unclosed(text)
		return ""
	}
	inner := text[:end]
	source := strings.TrimSpace(inner)
	from := t.chars + utf8.RuneCountInString(inner[:len(inner)-len(strings.TrimLeft(inner, " \t\n"))])
	if t.text.Len() > 0 {
		t.flush()
	}
	part := TextPart{Pos: t.loc.at(from), Expr: t.file.expression(t.loc, source, from)}
	if m := secretName.FindStringSubmatch(source); m != nil {
		part = TextPart{Pos: part.Pos, Secret: m[1]}
	}
	if source == "" {
		t.file.problem(t.loc.at(t.chars-3), 3, "template-syntax", "", "there is no expression in this ${{ }}")
	}
	t.parts = append(t.parts, part)
	return t.skip(text, end+2)
}

func (t *templateReader) unclosed(text string) {
	at, hint := t.loc.at(t.chars-3), "close it with }}"
	if cut := t.file.cutByComment(t.node); cut != "" {
		t.file.problem(at, 3, "yaml-comment", cut, "YAML takes everything from \" #\" on for a comment")
		return
	}
	if strings.Contains(text, "}}") {
		hint = "a quote or a brace inside it is not closed"
	}
	t.file.problem(at, 3, "template-syntax", hint, "this ${{ has no }}")
}

// expression is an expression whose source begins at a character of a scalar.
func (f *File) expression(loc *locator, source string, from int) *Expression {
	return &Expression{Pos: loc.at(from), Source: source, At: func(offset int) Pos { return loc.at(from + offset) }}
}
