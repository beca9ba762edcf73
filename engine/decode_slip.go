package engine

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// condition reads a condition: a bare expression. What YAML makes of an expression without
// quotes is recognised, and the message shows the line as it should be.
func (f *File) condition(n *yamlNode) *Expression {
	switch {
	case n.tagged:
		return nil // noted already
	case n.kind != nodeScalar:
		f.brokenCondition(n)
		return nil
	case strings.TrimSpace(n.text) == "":
		f.wrong(n, "empty-condition", "", "an expression is missing")
		return nil
	case strings.Contains(n.text, "${{"):
		f.templateInCondition(n)
		return nil
	}
	if cut := f.cutByComment(n); cut != "" {
		f.wrong(n, "yaml-comment", cut, "YAML takes everything from \" #\" on for a comment")
		return nil
	}
	trimmed := strings.TrimSpace(n.text)
	before := n.text[:strings.Index(n.text, trimmed)]
	return f.expression(f.locate(n), trimmed, utf8.RuneCountInString(before))
}

func (f *File) brokenCondition(n *yamlNode) {
	text := f.lineRest(n)
	if n.braces {
		f.wrong(n, "condition-syntax", "write: "+strings.TrimSpace(strings.Trim(text, "{} ")), "a condition is a bare expression, without {{ }}")
		return
	}
	if n.kind == nodeMap && n.style != styleFlow && text != "" && len(n.entries) > 0 && n.entries[0].value.line == n.line {
		f.wrong(n, "condition-syntax", "write: "+yamlQuoted(text), "YAML takes the \": \" in this expression for a key")
		return
	}
	hint := ""
	if n.style == styleFlow && text != "" {
		hint = "write: " + yamlQuoted(text)
	}
	f.wrong(n, "condition-syntax", hint, "expected an expression, found %s", n.what())
}

// lineRest is the source from a node to the end of its line.
func (f *File) lineRest(n *yamlNode) string {
	line := f.line(n.valueLine)
	return strings.TrimRight(line[byteOffset(line, n.valueCol):], " \t")
}

func (f *File) templateInCondition(n *yamlNode) {
	var b strings.Builder
	bare := *n
	bare.text = quotedTemplate.ReplaceAllString(n.text, "$1")
	for _, p := range f.template(&bare, bare.text).Parts {
		b.WriteString(p.Text)
		if p.Expr != nil {
			b.WriteString(p.Expr.Source)
		}
	}
	hint := "write the expression without ${{ }}"
	if b.Len() > 0 && b.Len() < 200 {
		hint = "write: " + f.written(n, b.String())
	}
	f.wrong(n, "condition-syntax", hint, "a condition is a bare expression, without ${{ }}")
}

// written is an expression as it may stand in the file.
func (f *File) written(n *yamlNode, expression string) string {
	if n.style == stylePlain && safePlain(expression) {
		return expression
	}
	return yamlQuoted(expression)
}

// safePlain says whether YAML leaves a text as it is without quotes.
func safePlain(text string) bool {
	return text != "" && !strings.ContainsAny(text[:1], "\"'[]{}&*!|>%@`#?-, ") && !strings.Contains(text, ": ") && !strings.Contains(text, " #")
}

// quotedTemplate is a ${{ }} in quotes, which are not needed around the bare expression.
var quotedTemplate = regexp.MustCompile(`["'](\$\{\{[^"'{}]*\}\})["']`)

var commentStart = regexp.MustCompile(`^\s+#`)

// cutByComment finds an expression that ends in the middle because " #" follows it; it returns
// the hint with the whole text, or nothing.
func (f *File) cutByComment(n *yamlNode) string {
	if n.style != stylePlain || n.kind != nodeScalar || !unbalanced(n.text) {
		return ""
	}
	rest := f.lineRest(n)
	if !strings.HasPrefix(rest, n.text) || !commentStart.MatchString(rest[len(n.text):]) {
		return ""
	}
	return "write: " + yamlQuoted(rest)
}

// unbalanced says whether a bracket or quote of an expression stays open.
func unbalanced(text string) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', '\'', '`':
			end := quoteEnd(text[i:])
			if end < 0 {
				return true
			}
			i += end
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
	}
	return depth > 0
}

// templateSlip recognises a mapping that was meant to be an expression in ${{ }}: `${{ a ? b : c }}`
// without quotes, or {{ x }} without the $. It returns the hint.
func templateSlip(f *File, n *yamlNode) string {
	if n.kind != nodeMap {
		return ""
	}
	rest := f.lineRest(n)
	if strings.HasPrefix(rest, "{{") {
		if end := strings.Index(rest, "}}"); end > 0 {
			return "write: ${{ " + strings.TrimSpace(rest[2:end]) + " }}"
		}
	}
	if len(n.entries) > 0 && n.style != styleFlow && strings.HasPrefix(rest, "${{") && unbalanced(n.entries[0].key.text) {
		return "write: " + yamlQuoted(rest)
	}
	return ""
}
