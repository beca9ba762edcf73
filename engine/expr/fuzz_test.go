package expr

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

// goWords are signs that an error of the machine came through.
var goWords = regexp.MustCompile(`interface \{|reflect[.:]|runtime error|index out of range|map\[string\]|\[\]interface|nil pointer|%!`)

// FuzzExpr compiles whatever comes and runs what compiles on data that nobody would wish for.
func FuzzExpr(f *testing.F) {
	for _, seed := range []string{
		`twin.reported.a != steps.before.twin.reported.a`, `any(item.numbers, # > inputs.n)`, `let a = map(item, #); a[0].b ?? a`, `x ?? 1 == 2`, `1 < 2 < 3`, `a ?: b`,
		`if x { 1 } else { 2 }`, `{"a": [1, (x)], (x): 2}["a"][0:1]`, `now() - time("2026-01-01") > duration("1d")`, `semver(item.text) < semver("1.2-rc.1")`,
		`item.text matches "(a*)*"`, `toJSON(diff(item, twin))`, `count(item.list) + sum(item.numbers, #)`, `one(1..3, # == 2) and none([], #)`, `item | filter(#) | len()`,
		`not not -+x % 2 ** 3`, `"a\u0000\xff" + 'b'`, `steps["before"]?.twin?.[0]`, `lastUpdated(twin, "reported.a")`, `#`, `$env`, `b"x"`, "`", `/* x */ 1 // y`, `1..1e9`, `0x1F + 0b1 + 1_0`,
		`padLeft(bucket(item.text, 7), 900)`, `fromJSON(item.json)`, `min(item.list, 1)`, `map(item.list, #index)[#index]`, `replace(item.text, "", item.text)`, `get(x, 1)`, `reduce(x, #acc)`,
	} {
		f.Add(seed)
	}
	scope := testScope()
	env := testEnv()
	env.Names["item"] = map[string]any{
		"numbers": []any{1.0, -0.5, 1e308, 3}, "list": []any{nil, "a", []any{}, map[string]any{"a": nil}, true}, "text": strings.Repeat("äb,", 50),
		"json": `{"a":[1,{"b":null}]}`, "big": strings.Repeat("x", 1<<20), "": map[string]any{"$": 1.0}, "f": false,
	}
	f.Fuzz(func(t *testing.T, source string) {
		start := time.Now()
		e, problems := scope.Compile(source, CompileOptions{})
		if (e == nil) != (len(problems) > 0) {
			t.Fatalf("neither an expression nor a problem, or both: %v", problems)
		}
		length := len([]rune(source))
		for _, p := range problems {
			if p.Offset < 0 || p.Width < 1 || p.Offset > length || p.Offset+p.Width > length+1 || p.Rule == "" || p.Msg == "" {
				t.Errorf("a problem out of place: %+v", p)
			}
		}
		if e != nil {
			value, err := e.Eval(env)
			var evalError *Error
			if err != nil && (!errors.As(err, &evalError) || goWords.MatchString(evalError.Msg)) {
				t.Errorf("%s: an error in Go's words: %v", source, err)
			}
			if _, err := ToJSON(value); err != nil {
				t.Errorf("%s gives no JSON: %v", source, err)
			}
			again, _ := e.Eval(env)
			if CompactJSON(again) != CompactJSON(value) {
				t.Errorf("%s gives %v, then %v", source, value, again)
			}
			e.Explain(env)
			e.Why(env)
			e.MissingNote(env)
		}
		took := time.Since(start)
		if took > 20*time.Second {
			t.Errorf("%s took %v", Shorten(source, 200), took)
		}
		if e != nil && took < 10*time.Millisecond {
			boundIsAsFree(t, e, env)
		}
	})
}
