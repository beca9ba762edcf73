package engine

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine/expr"
)

// compileText compiles a workflow that must be right.
func compileText(t *testing.T, source string) *Program {
	t.Helper()
	p, problems := Compile("w.yaml", []byte(source), Options{Types: testTypes(), Read: func(string) ([]byte, error) { return nil, os.ErrNotExist }})
	if len(problems) > 0 {
		t.Fatalf("problems in\n%s\n%s", source, problems.Text())
	}
	return p
}

const inputsSource = `version: 1
workflow: w
inputs:
  device: { type: string }
  count: { type: integer, default: 3, min: 1, max: 10 }
  ratio: { type: number, default: 0.5 }
  deep: { type: boolean, default: false }
  wait: { type: duration, default: 90s, max: 1h }
  at: { type: time, default: 2026-03-01T02:30:00Z }
  tags: { type: object, default: { a: 1 } }
  sites: { type: array, default: [x] }
  version: { type: string, default: 3.10, oneOf: [3.10, 010] }
steps:
  - log: ${{ inputs.version }}
`

func TestParseInputs(t *testing.T) {
	p := compileText(t, inputsSource)
	got, err := p.ParseInputs(map[string]string{"device": "010", "count": "5", "deep": "true", "wait": "1m", "sites": `["a", 2]`})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"device": "010", "count": 5.0, "ratio": 0.5, "deep": true, "wait": "1m", "at": "2026-03-01T02:30:00.000Z",
		"tags": map[string]any{"a": 1.0}, "sites": []any{"a", 2.0}, "version": "3.10",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTimesEnterTheRunInUTC(t *testing.T) {
	p := compileText(t, `version: 1
workflow: w
inputs:
  at: { type: time, default: 2026-01-01T00:00:00+02:00 }
  one: { type: time, default: 2026-01-01T00:00:00Z, oneOf: [2026-01-01T00:00:00Z, 2027-01-01T00:00:00Z] }
  wait: { type: duration, default: 0090s }
steps:
  - log: ${{ inputs.at }}
`)
	defaults := map[string]any{"at": "2025-12-31T22:00:00.000Z", "one": "2026-01-01T00:00:00.000Z", "wait": "0090s"}
	if got, err := p.ParseInputs(nil); err != nil || !reflect.DeepEqual(got, defaults) {
		t.Errorf("defaults: got %v, %v, want %v", got, err, defaults)
	}
	given := map[string]any{"at": "2026-01-01T00:00:00.120Z", "one": "2027-01-01T00:00:00.000Z", "wait": "60s"}
	raw := map[string]any{"at": "2026-01-01T01:00:00.12+01:00", "one": "2026-12-31T22:00:00-02:00", "wait": "60s"}
	if got, err := p.CheckInputs(raw); err != nil || !reflect.DeepEqual(got, given) {
		t.Errorf("given: got %v, %v, want %v", got, err, given)
	}
	if got, err := p.CheckInputs(map[string]any{"at": "0000-01-01T00:00:00+01:00"}); err == nil {
		t.Errorf("a year before 0 in UTC: got %v, want an error", got)
	}
}

func TestNumbersAreWrittenInDigits(t *testing.T) {
	p := compileText(t, inputsSource)
	for text, want := range map[string]any{"+5": 5.0, "007": 7.0, "1_0": nil, "0x5": nil, "5.0": nil, "1e0": nil, "": nil, " 5": nil} {
		got, err := p.ParseInputs(map[string]string{"device": "d", "count": text})
		if got["count"] != want {
			t.Errorf("count %q: got %v, %v, want %v", text, got["count"], err, want)
		}
	}
	for text, want := range map[string]any{"-1.5e3": -1500.0, ".5": 0.5, "3": 3.0, "1_0.5": nil, "0x1p4": nil, "inf": nil, "1e999": nil} {
		got, err := p.ParseInputs(map[string]string{"device": "d", "ratio": text})
		if got["ratio"] != want {
			t.Errorf("ratio %q: got %v, %v, want %v", text, got["ratio"], err, want)
		}
	}
}

func TestWrongInputsAreAllNamed(t *testing.T) {
	p := compileText(t, inputsSource)
	_, err := p.ParseInputs(map[string]string{
		"devcie": "x", "count": "11", "ratio": "NaN", "deep": "yes", "wait": "60", "at": "today", "tags": "[1]", "version": "3.1",
	})
	want := `input device: is required: expected text
input count: the number 11 must be at most 10
input ratio: expected a number, got "NaN"
input deep: expected true or false, got "yes"
input wait: expected a duration like 60s, got the text "60"
input at: expected a time like 2026-03-01T02:30:00Z, got the text "today"
input tags: expected an object, got a list
input version: expected 3.10 or 010, got the text "3.1"
input devcie: workflow w has no such input; did you mean device?`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var problems InputProblems
	if !errors.As(err, &problems) || problems[0].Name != "device" {
		t.Errorf("got %#v, want InputProblems with device first", err)
	}
}

// JSON's numbers are read as float64, which has not each whole number from 2^53 on.
func TestWholeNumbersAreExact(t *testing.T) {
	p := compileText(t, "version: 1\nworkflow: w\ninputs: { n: { type: integer } }\nsteps: [ { log: x } ]\n")
	for n, ok := range map[float64]bool{1<<53 - 1: true, 1 - 1<<53: true, 1 << 53: false, -1 << 53: false, 1 << 63: false} {
		if _, err := p.CheckInputs(map[string]any{"n": n}); (err == nil) != ok {
			t.Errorf("%.0f: %v", n, err)
		} else if err != nil && !strings.Contains(err.Error(), "type string") {
			t.Errorf("%.0f: %v, want what to do", n, err)
		}
	}
}

func TestCheckInputsTakesJSON(t *testing.T) {
	p := compileText(t, inputsSource)
	if _, err := p.CheckInputs(map[string]any{"device": "d", "count": 2.0, "tags": map[string]any{}}); err != nil {
		t.Error(err)
	}
	_, err := p.CheckInputs(map[string]any{"device": 5.0, "count": 2.5, "sites": nil})
	want := "input device: expected text, got the number 5\ninput count: expected a whole number, got the number 2.5\ninput sites: expected a list, got null"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// A literal keeps what the author wrote wherever YAML would make something else of it.
func TestTextStaysAsWritten(t *testing.T) {
	p := compileText(t, `version: 1
workflow: 010
device: 007
steps:
  - log: 3.10
  - updateTwin:
      desired: { a: 010, b: 1_000, c: 0x1f, d: 2026-01-01, e: yes, f: off, g: 1.10, h: "5", i: 12, j: true, k: ~, l: 1e3, m: "$${{ x }}", on: 1 }
  - invokeMethod: { method: 1.10 }
`)
	w := p.Workflow
	if w.Name != "010" || w.Device.Lit != "007" {
		t.Errorf("name %q, device %v, want 010 and 007", w.Name, w.Device.Lit)
	}
	if got := w.Steps[0].Do.Params[0].Value.Lit; got != "3.10" {
		t.Errorf("message %v, want 3.10", got)
	}
	if got := w.Steps[2].Do.Params[0].Value.Lit; got != "1.10" {
		t.Errorf("method %v, want 1.10", got)
	}
	got, _ := w.Steps[1].Do.Params[0].Value.Constant()
	want := map[string]any{
		"a": "010", "b": "1_000", "c": "0x1f", "d": "2026-01-01", "e": "yes", "f": "off", "g": 1.1, "h": "5",
		"i": 12.0, "j": true, "k": nil, "l": 1000.0, "m": "${{ x }}", "on": 1.0,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTemplates(t *testing.T) {
	for source, want := range map[string]string{
		`a ${{ "}}" + '{{' }} b`:              "text:a |expr:\"}}\" + '{{'|text: b",
		`${{ {"a": {"b": 1}}.a.b }}`:          `expr:{"a": {"b": 1}}.a.b`,
		`$${{ x }} ${{ 1 }}`:                  "text:${{ x }} |expr:1",
		`Bearer ${{ secrets.A }}`:             "text:Bearer |secret:A",
		`${{secrets.A}}${{ 'it\'s' }}`:        `secret:A|expr:'it\'s'`,
		`{{ mustache }} and $100 and ${HOME}`: "",
		"${{ `}}` }}":                         "expr:`}}`",
		`${{ map(inputs.l, {# + 1}) }} items`: "expr:map(inputs.l, {# + 1})|text: items",
	} {
		f := Open("f.yaml", []byte("x: |-\n  "+source+"\n"))
		v := f.template(f.root.get("x"), source)
		var parts []string
		for _, p := range v.Parts {
			switch {
			case p.Expr != nil:
				parts = append(parts, "expr:"+p.Expr.Source)
			case p.Secret != "":
				parts = append(parts, "secret:"+p.Secret)
			default:
				parts = append(parts, "text:"+p.Text)
			}
		}
		if got := strings.Join(parts, "|"); got != want || len(f.Problems()) > 0 {
			t.Errorf("%s: got %s, want %s (%v)", source, got, want, f.Problems())
		}
	}
}

// Every character of an expression is found again in the file, however the scalar is written.
func TestPlacesOfExpressions(t *testing.T) {
	for name, source := range map[string]string{
		"plain":         "x: aé + MARK\n",
		"plain lines":   "x: aé\n   + bc\n\n   + MARK\ny: 1\n",
		"single":        "x: 'a''b ''c'' + MARK'\n",
		"single lines":  "x: 'a''b \n\n   c + MARK'\n",
		"double":        "x: \"aé + MARK\"\n",
		"double lines":  "x: \"a +\n   b + MARK\"\n",
		"literal":       "x: |\n  aé\n\n    + MARK\n  + b\n",
		"literal strip": "x: |2-\n  a\n  + MARK\n",
		"folded":        "x: >-\n  a + é\n  + MARK\n\n  + c\n",
		"folded more":   "x: >\n  a\n    + b\n    + MARK\n  + c\n",
		"anchor":        "x: &name a + MARK\n",
		"anchor line":   "x: &name\n  a + MARK\n",
		"anchor quoted": "x: &name 'a''s + MARK'\n",
		"in a list":     "- a\n- b + MARK # comment\n",
		"flow":          "x: [ a, \"b + MARK\" ]\n",
		"windows":       "x: |\r\n  a +\r\n  MARK\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := Open("f.yaml", []byte(source))
			if f.root == nil {
				t.Fatal(f.Problems())
			}
			scalar := findScalar(f.root, "MARK")
			pos := f.locate(scalar).at(strings.Index(string(toASCII(scalar.text)), "MARK"))
			line, col := 1, 1
			for _, r := range strings.ReplaceAll(source[:strings.Index(source, "MARK")], "\r", "") {
				if col++; r == '\n' {
					line, col = line+1, 1
				}
			}
			if pos.Line != line || pos.Col != col {
				t.Errorf("got %d:%d, want %d:%d in %q", pos.Line, pos.Col, line, col, source)
			}
		})
	}
}

// toASCII makes every character one byte, so that offsets are characters.
func toASCII(text string) []byte {
	var out []byte
	for _, r := range text {
		if r > 0x7f {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}

func findScalar(n *yamlNode, holds string) *yamlNode {
	if n.kind == nodeScalar && strings.Contains(n.text, holds) {
		return n
	}
	for _, item := range n.items {
		if found := findScalar(item, holds); found != nil {
			return found
		}
	}
	for _, e := range n.entries {
		if found := findScalar(e.value, holds); found != nil {
			return found
		}
	}
	return nil
}

func TestHubsSecretsAndPrograms(t *testing.T) {
	files := map[string]string{
		"dir/b.yaml": "version: 1\nworkflow: b\nhub: plant\nsteps:\n  - http: { url: https://x/, body: \"${{ secrets.B }}\" }\n",
		"dir/c.yaml": "version: 1\nworkflow: c\nsteps:\n  - call: { workflow: b.yaml }\n",
	}
	source := "version: 1\nworkflow: a\nhub: desk\nsteps:\n  - call: { workflow: b.yaml }\n  - call: { workflow: c.yaml }\n  - hub: factory\n    http: { url: https://x/, headers: { A: \"x ${{ secrets.A }}\" } }\n"
	reads := 0
	p, problems := Compile("dir/a.yaml", []byte(source), Options{Types: testTypes(), Read: func(path string) ([]byte, error) {
		reads++
		return []byte(files[path]), nil
	}})
	if len(problems) > 0 {
		t.Fatal(problems.Text())
	}
	if got := len(p.Programs()); got != 3 || reads != 2 {
		t.Errorf("%d programs after %d reads, want 3 after 2", got, reads)
	}
	if got, want := fmt.Sprint(p.Hubs()), "[{desk dir/a.yaml:3:6} {factory dir/a.yaml:7:10} {plant dir/b.yaml:3:6}]"; got != want {
		t.Errorf("hubs %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(p.Secrets()), "[{A dir/a.yaml:8:51} {B dir/b.yaml:5:41}]"; got != want {
		t.Errorf("secrets %s, want %s", got, want)
	}
	problem := p.Problem(p.Hubs()[2].Pos, 5, "unknown-hub", "", "no hub plant")
	if problem.Line != "hub: plant" {
		t.Errorf("source line %q, want hub: plant", problem.Line)
	}
}

// Another kind of file is defined by the same means: a list of steps with its own names in scope.
func TestStepsInAnotherFile(t *testing.T) {
	types := NewTypes(Sleep, Set, Log)
	shape := &Shape{Leading: "simulator", Keys: []Key{
		Version(), {Name: "simulator", Required: true, Shape: Name("")},
		{Name: "count", Shape: &Shape{Kind: KindInt, Min: &one, Literal: true}},
		{Name: "id", Shape: &Shape{Kind: KindText}},
		{Name: "when", Shape: &Shape{Kind: KindCond}},
		{Name: "method", Shape: StepsShape(types, "steps", "repeat")},
	}}
	names := map[string]expr.Type{"payload": {}, "reported": {Kind: expr.Object}, "index": {Kind: expr.Number}}
	source := `version: 1
simulator: plant
count: 3
id: dev-${{ padLeft(index, 5) }}
when: reported.ok == true
method:
  - if: payload.slow == true
    steps: [ { sleep: 1s } ]
  - log: ${{ toJSON(reported) }} ${{ noise() }}
`
	f := Open("s.yaml", []byte(source))
	d := f.Decode(shape)
	steps := d.Get("method").CompileSteps(types, names)
	id := d.Get("id").CompileValue(names)
	when := d.Get("when").CompileCondition(names)
	if problems := f.Problems(); len(problems) > 0 {
		t.Fatal(problems.Text())
	}
	if len(steps) != 2 || id.Parts[1].Expr.Expr == nil || when.Expr == nil || d.Get("count").Number(0) != 3 {
		t.Errorf("got %d steps, id %v, when %v, count %v", len(steps), id.Parts, when, d.Get("count").Number(0))
	}

	f = Open("s.yaml", []byte(strings.Replace(source, "sleep: 1s", "getTwin: {}", 1)+"  - forEach: { in: [1], steps: [ { sleep: 1s } ] }\n  - log: ${{ inputs.x }}\n"))
	f.Decode(shape).Get("method").CompileSteps(types, names)
	var rules []string
	for _, p := range f.Problems() {
		rules = append(rules, fmt.Sprintf("%d %s", p.Pos.Line, p.Rule))
	}
	if got, want := strings.Join(rules, ", "), "8 unknown-action, 10 unknown-action, 11 unknown-name"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHomeHub(t *testing.T) {
	const head, steps = "version: 1\nworkflow: w\n", "steps:\n  - log: here\n"
	files := map[string]string{"named.yaml": "version: 1\nworkflow: named\nhub: south\n" + steps, "plain.yaml": "version: 1\nworkflow: plain\n" + steps}
	read := func(name string) ([]byte, error) { return []byte(files[name]), nil }
	for source, want := range map[string]string{
		head + steps: "usual",
		head + "steps:\n  - log: here\n    hub: north\n":                    "usual",
		head + "hub: north\n" + steps:                                       "north",
		head + "hub: north\nsteps:\n  - call: { workflow: ./named.yaml }\n": "north",
		head + "hub: north\nsteps:\n  - call: { workflow: ./plain.yaml }\n": "usual",
	} {
		p, problems := Compile("w.yaml", []byte(source), Options{Types: testTypes(), Read: read})
		if len(problems) > 0 {
			t.Fatalf("problems in\n%s\n%s", source, problems.Text())
		}
		if got := p.HomeHub("usual"); got != want {
			t.Errorf("%s is listed under %s, want %s", source, got, want)
		}
	}
}
