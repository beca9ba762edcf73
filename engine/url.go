package engine

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// ParseURL reads the address of a server. It refuses one with `.` or `..` for a part of its path:
// servers and proxies resolve these, and text from elsewhere would choose the place that is asked.
func ParseURL(text string) (*url.URL, error) {
	where, err := url.Parse(text)
	if err != nil || where.Host == "" || where.Scheme != "http" && where.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a server; write one like https://example.com/path", text)
	}
	for segment := range strings.SplitSeq(where.EscapedPath(), "/") {
		if name, _ := url.PathUnescape(segment); name == "." || name == ".." {
			return nil, fmt.Errorf("a part of the path is %q, which would lead to another place on the server", name)
		}
	}
	return where, nil
}

// evalURL puts a URL together. What expressions and secrets give stays inside its part of the path,
// or inside its value in the query: it never adds a part or a parameter.
func (v *Value) evalURL(env expr.Env, name string) (any, error) {
	path, query := splitQuery(v.Parts)
	before, err := (&Value{Pos: v.Pos, Kind: ValueTemplate, Parts: path}).evalText(env, name, url.PathEscape)
	if err != nil {
		return nil, err
	}
	behind, err := (&Value{Pos: v.Pos, Kind: ValueTemplate, Parts: query}).evalText(env, name, escapeQueryPart)
	if err != nil {
		return nil, err
	}
	var whole Masked
	for _, half := range []any{before, behind} {
		switch half := half.(type) {
		case Masked:
			whole.Parts = append(whole.Parts, half.Parts...)
		case string:
			whole.add(half)
		}
	}
	return whole.value(), nil
}

// splitQuery cuts a URL where its query, or its fragment, begins.
func splitQuery(parts []TextPart) (path, query []TextPart) {
	for i, p := range parts {
		if at := strings.IndexAny(p.Text, "?#"); at >= 0 {
			path = append(path, parts[:i]...)
			path = append(path, TextPart{Text: p.Text[:at]})
			query = append(query, TextPart{Text: p.Text[at:]})
			return path, append(query, parts[i+1:]...)
		}
	}
	return parts, nil
}

// escapeQueryPart makes text safe inside a name or a value of a URL's query. A space is %20, which
// every server reads; + is one for some only.
func escapeQueryPart(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
