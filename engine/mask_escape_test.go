package engine

import (
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/twinbook/twinbook/engine/expr"
)

func inJSON(text string) string {
	b, _ := json.Marshal(text)
	return string(b[1 : len(b)-1])
}

func allUnicode(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		fmt.Fprintf(&b, `\u%04X`, unit)
	}
	return b.String()
}

func allPercent(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

func quoted(text string) string {
	q := strconv.QuoteToASCII(text)
	return q[1 : len(q)-1]
}

func compact(text string) string {
	q := expr.CompactJSON(text)
	return q[1 : len(q)-1]
}

// escapes are ways in which servers write what they were sent.
var escapes = []func(string) string{
	func(text string) string { return text },
	inJSON, compact, allUnicode, quoted,
	func(text string) string { return strings.ReplaceAll(compact(text), "/", `\/`) },
	url.PathEscape, url.QueryEscape, escapeQueryPart, allPercent,
	func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "%2F", "/") },
	html.EscapeString,
}

// However a secret is escaped, and then once more, all of it goes and nothing else does.
func TestMaskerSeesThroughEscapes(t *testing.T) {
	secrets := []string{
		"abK+/x9Qz1/+w==", "grün & blau", `say "hi" <b>`, `C:\new\u0041`, "100%25 sure+", "a b c d", "two\nlines", "😀😀😀😀", "&amp;&lt;", "'\t'\a\v", "\\\\\\\\",
	}
	alphabet := []rune(`+/%\"'& <>;=aub2zä😀` + "\n\t")
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := make([]rune, 4+random.IntN(8))
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		secrets = append(secrets, string(b))
	}
	for _, secret := range secrets {
		secret = strings.TrimSpace(secret)
		if len([]rune(secret)) < ShortestSecret {
			continue
		}
		m := NewMasker(map[string]string{"a": secret, "none": "nowhere"})
		for i, inner := range escapes {
			for k, outer := range escapes {
				text := outer("is [" + inner(secret) + "] so")
				if got, want := m.Text(text), outer("is [")+"***"+outer("] so"); got != want {
					t.Fatalf("%q escaped by %d and %d is %s: got %s, want %s", secret, i, k, text, got, want)
				}
			}
		}
	}
}

func TestMaskerOfEscapesAsWrittenElsewhere(t *testing.T) {
	m := NewMasker(map[string]string{
		"token": "abK+/x9Qz1/+w==", "umlaut": "grün-1&2", "quote": `p"ss "word"`, "blanks": " s3cr3t \n", "pair": "key😀key", "bytes": "abc\xffdef",
	})
	for text, want := range map[string]string{
		`{"a":"abK+\/x9Qz1\/+w=="}`:             `{"a":"***"}`,
		`{"a":"abK\u002B/x9Qz1/\u002bw=="}`:     `{"a":"***"}`,
		"?q=abK%2b%2fx9Qz1%2f%2bw%3d%3d&r=1":    "?q=***&r=1",
		"?q=abK%2B/x9Qz1/%2Bw%3D%3D&r=1":        "?q=***&r=1",
		"?q=abK%252B/x9Qz1/%252Bw%253D%253D":    "?q=***",
		"<p>abK&#43;/x9Qz1/&#x2B;w&equals;=":    "<p>***",
		`{"a":"gr\u00fcn-1&2"}`:                 `{"a":"***"}`,
		`{"a":"grün-1\u00262"}`:                 `{"a":"***"}`,
		"gr%C3%BCn-1&amp;2 gr%c3%bcn-1%262":     "*** ***",
		`{"a":"{\"b\":\"p\\\"ss \\\"word\\\""}`: `{"a":"{\"b\":\"***"}`,
		"Authorization: s3cr3t":                 "Authorization: ***",
		`key\ud83d\uDE00key key\U0001F600key`:   `*** ***`,
		`abc\ufffddef abc\xffdef abc%FFdef`:     "*** *** ***",
		`abK+/x9Qz1/+w abK%2 \u00 %zz &; \`:     `abK+/x9Qz1/+w abK%2 \u00 %zz &; \`,
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// A value without secrets is the same value, not a copy.
func TestMaskerLeavesAlone(t *testing.T) {
	m := NewMasker(map[string]string{"a": "s3cr3t+"})
	value := map[string]any{"a": []any{"%20", map[string]any{`\n`: "&amp;"}}}
	if n := testing.AllocsPerRun(10, func() { m.Value(map[string]any(nil)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	m.Value(value).(map[string]any)["mark"] = true
	if value["mark"] != true {
		t.Error("it was copied")
	}
	list := []any{"x", "s3cr3t%2b", map[string]any{"k": "v", "s3cr3t+": 1.0}}
	if got, want := expr.CompactJSON(m.Value(list)), `["x","***",{"***":1,"k":"v"}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !slices.Equal(list[:2], []any{"x", "s3cr3t%2b"}) || len(list[2].(map[string]any)) != 2 {
		t.Errorf("it was changed: %v", list)
	}
}

// The time is that of reading the text some times, whatever stands in it.
func TestMaskerOfHostileEscapes(t *testing.T) {
	m := NewMasker(map[string]string{"a": `\\\\\\\\a`, "b": "++++++++++++b", "c": "&&&&&&&&c"})
	begun := time.Now()
	for _, part := range []string{`\`, "%", "+", "&", ";", "&;", `\u`, `\u005c`, "%25", "&amp;", "%2b", `\\&+%`} {
		text := strings.Repeat(part, 1<<20/len(part))
		if got := m.Text(text); got != text {
			t.Errorf("%s: masked", part)
		}
	}
	if long := time.Since(begun); long > 30*time.Second {
		t.Errorf("it took %v", long)
	}
}
