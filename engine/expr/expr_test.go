package expr

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// lookup is a Getter as the planner has for steps.
type lookup map[string]any

func (l lookup) Get(name string) any { return l[name] }

func testScope() *Scope {
	number, text := Type{Kind: Number}, Type{Kind: String}
	return NewScope(map[string]Type{
		"inputs": ObjectType(map[string]Type{"device": text, "n": number, "deep": {Kind: Bool}, "list": {Kind: List}, "delay": number}),
		"vars":   ObjectType(map[string]Type{"count": {}, "names": ListType(text)}),
		"steps": ObjectType(map[string]Type{
			"before": StepResultType(map[string]Type{"twin": TwinType()}),
			"reboot": StepResultType(map[string]Type{"status": number, "payload": {}}),
			"after":  StepResultType(map[string]Type{"twin": TwinType()}),
		}),
		"run": RunType(), "twin": TwinType(), "item": {}, "index": number, "x": {},
	})
}

func testEnv() Env {
	return Env{Now: testNow, Names: map[string]any{
		"inputs": map[string]any{"device": "dev-1", "n": 3.0, "deep": true, "list": []any{1.0, 2.0, 3.0}, "delay": 5.0},
		"vars":   lookup{"names": []any{"a", "b"}},
		"steps": lookup{
			"before": map[string]any{"outcome": "succeeded", "startedAt": testNow.Add(-time.Hour), "twin": map[string]any{
				"reported": map[string]any{"rebootTime": "2026-03-01T10:00:00Z", "fw-version": "1.9.0"}}},
			"reboot": map[string]any{"status": 200.0, "payload": map[string]any{"Response": "ok", "n": 3.0, "text": "3", "null": nil}},
		},
		"run": map[string]any{"id": "r1", "startedAt": testNow.Add(-2 * time.Hour)},
		"twin": map[string]any{
			"deviceId": "dev-1", "reported": map[string]any{"rebootTime": "2026-03-01T11:00:00Z", "a": map[string]any{"b": []any{1.0, "two"}}},
			"$metadata": map[string]any{"reported": map[string]any{"$lastUpdated": "2026-03-01T11:30:00Z",
				"rebootTime": map[string]any{"$lastUpdated": "2026-03-01T11:00:01.5Z"}}},
		},
		"item": map[string]any{"name": "gw"}, "index": 1, "x": nil,
	}}
}

// mustCompile compiles in the test's scope.
func mustCompile(t testing.TB, source string) *Expr {
	t.Helper()
	e, problems := testScope().Compile(source, CompileOptions{})
	if e == nil {
		t.Fatalf("%s: %+v", source, problems)
	}
	return e
}

// evaluate compiles and runs; a problem is an error, too.
func evaluate(source string, env Env) (any, error) {
	e, problems := testScope().Compile(source, CompileOptions{})
	if e == nil {
		return nil, fmt.Errorf("problem: %+v", problems)
	}
	return e.Eval(env)
}

func TestExpressionsHaveTheValuesThatTheLanguageSays(t *testing.T) {
	for _, c := range []struct {
		source string
		want   any
	}{
		// What is missing is nil; nil may be compared, tested with ?? and passed on.
		{`x.y.z`, nil}, {`twin.reported.x`, nil}, {`twin.reported.x.y.z`, nil}, {`inputs.list[7]`, nil}, {`inputs.list[-4]`, nil},
		{`twin.reported.rebootTime.x`, nil}, {`steps.reboot.payload.n.x`, nil}, {`twin?.reported?.x?.y`, nil}, {`vars.count`, nil},
		{`steps.after.twin.reported.rebootTime`, nil}, {`steps.reboot.payload.null`, nil}, {`steps.reboot.payload["null"].x`, nil},
		{`twin.reported.x == nil`, true}, {`twin.reported.x != nil`, false}, {`twin.reported.x == null`, true},
		{`twin.reported.x.y != twin.reported.rebootTime`, true}, {`x == x`, true}, {`twin.reported.x ?? "none"`, "none"},
		{`x ?? twin.reported.q ?? 7`, 7.0}, {`[x, 1]`, []any{nil, 1.0}}, {`inputs.deep ? x : 1`, nil}, {`1 in [nil]`, false},
		{`first([])`, nil}, {`last([])`, nil}, {`find([1, 2], # > 5)`, nil},
		// Numbers compare by value, objects and lists deeply; text and number never equal.
		{`1 == 1.0`, true}, {`steps.reboot.payload.n == 3`, true}, {`index == 1.0`, true}, {`steps.reboot.payload.text == steps.reboot.payload.n`, false},
		{`{a: 1} == {a: 1.0}`, true}, {`{a: 1} == {a: 1, b: nil}`, false}, {`{a: 1, b: nil} == {a: 1, c: nil}`, false},
		{`[1, {a: [2]}] == [1.0, {a: [2]}]`, true}, {`[1] == [1, 2]`, false}, {`twin.reported.a == {b: [1, "two"]}`, true}, {`item == [1]`, false},
		{`index in inputs.list`, true}, {`count(inputs.list, # > 1) == 2`, true}, {`len(inputs.list) == 3.0`, true},
		// Operators.
		{`inputs.n % 2`, 1.0}, {`7 % inputs.n`, 1.0}, {`-inputs.n`, -3.0}, {`+inputs.n`, 3.0}, {`2 ** 3`, 8.0}, {`2 ^ 3`, 8.0}, {`7 / 2`, 3.5},
		{`1 + 2 * 3`, 7.0}, {`"a" + "b"`, "ab"}, {`"ab" contains "b"`, true}, {`"ab" startsWith "b"`, false}, {`"ab" endsWith "b"`, true},
		{`"dev-12" matches "^dev-\\d+$"`, true}, {`"dev-12" matches inputs.device + ".*"`, true}, {`"a" in {a: nil}`, true}, {`"b" not in {a: 1}`, true},
		{`1 in [1.0]`, true}, {`not (1 in [2])`, true}, {`true and not false`, true}, {`true && !false || false`, true}, {`1..3`, []any{1.0, 2.0, 3.0}},
		{`3..1`, []any{}}, {`inputs.list[0:2]`, []any{1.0, 2.0}}, {`inputs.list[1:]`, []any{2.0, 3.0}}, {`inputs.list[-1]`, 3.0}, {`inputs.list[:-1]`, []any{1.0, 2.0}},
		{`"häuser"[1:3]`, "äu"}, {`inputs.list[index]`, 2.0}, {`twin.reported["rebootTime"]`, "2026-03-01T11:00:00Z"}, {`let k = "n"; steps.reboot.payload[k]`, 3.0},
		{`steps.before.twin.reported["fw-version"]`, "1.9.0"}, {`inputs.list[9:]`, []any{}}, {`"1" < "2"`, true},
		{`inputs.deep ? 1 : 2`, 1.0}, {`if inputs.n > 5 { "a" } else { "b" }`, "b"}, {`let a = 2; a + a`, 4.0}, {`{"k": 1, (inputs.device): 2}`, map[string]any{"k": 1.0, "dev-1": 2.0}},
		{`false and x.y > 3`, false}, {`true or x.y > 3`, true},
		// Functions with a predicate.
		{`all(inputs.list, # > 0)`, true}, {`any(inputs.list, # > 2)`, true}, {`none(inputs.list, # > 2)`, false}, {`one(inputs.list, # > 2)`, true},
		{`filter(inputs.list, # != 2)`, []any{1.0, 3.0}}, {`map(inputs.list, # * 2)`, []any{2.0, 4.0, 6.0}}, {`map(inputs.list, #index)`, []any{0.0, 1.0, 2.0}},
		{`find(inputs.list, # > 1)`, 2.0}, {`count(inputs.list, # > 1)`, 2.0}, {`count([true, false])`, 1.0}, {`sum(inputs.list)`, 6.0}, {`sum(inputs.list, # * 2)`, 12.0},
		{`sum([])`, 0.0}, {`any([{a: 1}, {a: 2}], .a == 2)`, true}, {`any([[1], [2]], any(#, # == 2))`, true}, {`inputs.list | filter(# > 1) | len()`, 2.0},
		{`all([], # > 0)`, true}, {`map(vars.names, # + "!")`, []any{"a!", "b!"}}, {`let l = inputs.list; any([1], any(l, # == 3))`, true},
		// Numbers and texts.
		{`len("häuser")`, 6.0}, {`len(twin.reported.a)`, 1.0}, {`abs(-2)`, 2.0}, {`ceil(1.2)`, 2.0}, {`floor(1.8)`, 1.0}, {`round(1.5)`, 2.0}, {`int("42")`, 42.0},
		{`int(3.9)`, 3.0}, {`float("1.5")`, 1.5}, {`string(3)`, "3"}, {`string(0.5)`, "0.5"}, {`string(true)`, "true"}, {`string(duration("90m"))`, "1h30m"},
		{`string(now())`, "2026-03-01T12:00:00.000Z"}, {`trim(" a ")`, "a"}, {`trim("xax", "x")`, "a"}, {`upper("a")`, "A"}, {`lower("A")`, "a"},
		{`split("a,b", ",")`, []any{"a", "b"}}, {`join(["a", "b"], "-")`, "a-b"}, {`join(vars.names)`, "ab"}, {`replace("aab", "a", "x")`, "xxb"},
		{`hasPrefix("ab", "a")`, true}, {`hasSuffix("ab", "a")`, false}, {`indexOf("äb", "b")`, 1.0}, {`indexOf("ab", "x")`, -1.0},
		{`min(3, 1, 2)`, 1.0}, {`max(inputs.list)`, 3.0}, {`max("a", "b")`, "b"}, {`first(inputs.list)`, 1.0}, {`last(inputs.list)`, 3.0},
		{`padLeft(index, 5)`, "00001"}, {`padLeft("ab", 3)`, "0ab"}, {`padLeft(-7, 4)`, "-007"}, {`padLeft(12345, 3)`, "12345"},
		{`glob("dev-17", "dev-*")`, true}, {`glob("dev-17", "dev-?")`, false}, {`glob("a.b", "a.b")`, true}, {`glob("axb", "a.b")`, false},
		// Data.
		{`toJSON({b: [1, "<ä>"], a: nil})`, `{"a":null,"b":[1,"<ä>"]}`}, {`fromJSON("{\"a\": [1]}").a[0]`, 1.0}, {`toJSON(now())`, `"2026-03-01T12:00:00.000Z"`},
		{`diff({a: 1, b: {c: [1, 2]}}, {a: 1.0, b: {c: [1, 3]}, d: "x"})`, []any{
			map[string]any{"path": "b.c[1]", "before": 2.0, "after": 3.0}, map[string]any{"path": "d", "before": nil, "after": "x"}}},
		{`diff(1, 1.0)`, []any{}}, {`diff({}, [])`, []any{map[string]any{"path": "", "before": map[string]any{}, "after": []any{}}}},
		{`semver("1.9.0") < semver("1.10.0")`, true}, {`semver("v1.2") == semver("1.2.0")`, true}, {`semver("1.0.0-rc.1") < semver("1.0.0")`, true},
		{`semver(steps.before.twin.reported["fw-version"]) >= semver("1.9")`, true}, {`max(semver("1.2"), semver("1.10"))`, "1.10"}, {`string(semver("v1.2"))`, "v1.2"},
		// Times.
		{`now()`, testNow}, {`age(run.startedAt)`, 2 * time.Hour}, {`age(run.startedAt) > duration("1h30m")`, true}, {`now() - duration("1d")`, testNow.Add(-24 * time.Hour)},
		{`now() - run.startedAt`, 2 * time.Hour}, {`duration("1h") + run.startedAt`, testNow.Add(-time.Hour)}, {`duration("1h") * 2`, 2 * time.Hour},
		{`duration("1h") / duration("30m")`, 2.0}, {`-duration("1h") < duration("1s")`, true}, {`sum([duration("1s"), duration("2s")])`, 3 * time.Second},
		{`time("2026-03-01T13:00:00+01:00") == now()`, true}, {`time(twin.reported.rebootTime) > time(steps.before.twin.reported.rebootTime)`, true},
		{`lastUpdated(twin, "reported.rebootTime")`, time.Date(2026, 3, 1, 11, 0, 1, 500e6, time.UTC)}, {`lastUpdated(twin, "reported.never.there")`, nil},
		{`lastUpdated(twin, "reported")`, time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC)}, {`lastUpdated(twin, "desired.x") == nil`, true},
	} {
		got, err := evaluate(c.source, testEnv())
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\n got %#v, %v\nwant %#v", c.source, got, err, c.want)
		}
	}
}

func TestAnyOtherUseOfNilIsMissing(t *testing.T) {
	for source, part := range map[string]string{
		`twin.reported.x > 3`: "twin.reported.x", `3 < twin.reported.x.y`: "twin.reported.x", `twin.reported.x + 1`: "twin.reported.x",
		`"a" + twin.reported.x`: "twin.reported.x", `-twin.reported.x`: "twin.reported.x", `len(twin.reported.x)`: "twin.reported.x",
		`upper(x)`: "x", `x and true`: "x", `true and x`: "x", `false or x`: "x", `not x`: "x", `x ? 1 : 2`: "x", `any(x, true)`: "x",
		`sum(x)`: "x", `count(x)`: "x", `filter(x, true)`: "x", `1 in x`: "x", `x in {a: 1}`: "x", `x in [nil]`: "x",
		`twin.reported.x in ["a"]`: "twin.reported.x", `x not in []`: "x", `x contains "a"`: "x", `"a" contains x`: "x",
		`x startsWith "a"`: "x", `x matches "a"`: "x", `"a" matches x`: "x", `x[0:1]`: "x", `inputs.list[x:]`: "x", `inputs.list[:x]`: "x", `1..x`: "x",
		`{(x): 1}`: "x", `toJSON(x)`: "x", `diff(x, 1)`: "x", `time(x)`: "x", `age(first([]))`: "first([])", `semver(x)`: "x",
		`lastUpdated(steps.after.twin, "reported.a")`: "steps.after", `any(inputs.list, #.y > 3)`: "#.y", `any(inputs.list, x)`: "x",
		`x % 2`: "x", `duration("1h") * x`: "x", `steps.reboot.payload.null > 3`: "steps.reboot.payload.null", `inputs.list[9] > 1`: "inputs.list[9]",
		`min([])`: "[]", `all(inputs.list, # > x)`: "x", `x < "a"`: "x", `steps.after.twin.reported.a.b > 1`: "steps.after",
	} {
		_, err := evaluate(source, testEnv())
		var e *Error
		if !errors.As(err, &e) || !e.Missing || e.Source != part || !strings.HasPrefix(e.Msg, part+" is ") {
			t.Errorf("%s: got %+v, want %s to be missing", source, err, part)
		}
	}
}

func TestWhatDoesNotFitIsAnExpressionError(t *testing.T) {
	for source, want := range map[string]string{
		`item and true`:                      `a condition must be true or false, not item (an object)`,
		`steps.reboot.payload.text or false`: `a condition must be true or false, not steps.reboot.payload.text (the text "3")`,
		`true and steps.reboot.payload.n`:    `a condition must be true or false, not steps.reboot.payload.n (the number 3)`,
		`any(inputs.list, #)`:                `a condition must be true or false, not # (the number 1)`,
		`item.name < 3`:                      `cannot compare item.name (the text "gw") with the number 3; write float(…) around the text if it holds a number`,
		`now() > item.name`:                  `cannot compare now() (the time 2026-03-01T12:00:00.000Z) with item.name (the text "gw"); write time(…) around the text`,
		`item < item`:                        `cannot compare item (an object) with item (an object)`,
		`item.name + 1`:                      `cannot calculate item.name (the text "gw") + the number 1`,
		`item.name % 2`:                      `cannot calculate item.name (the text "gw") % the number 2`,
		`1.5 % 2`:                            `% takes whole numbers, not the number 1.5`,
		`1 / (inputs.n - 3)`:                 `division by zero: the divisor is inputs.n - 3 (the number 0)`,
		`inputs.n % (inputs.n - 3)`:          `division by zero: the divisor is inputs.n - 3 (the number 0)`,
		`1e308 * 10`:                         `the result is no finite number`,
		`time("9999-12-31T00:00:00Z") + duration("100d")`: `the result is a time outside the years 0 to 9999`,
		`duration("100000d") * 40`:                        `the result is longer than 292 years, which no duration can hold`,
		`len(steps.reboot.payload.n)`:                     `len needs a text, an object or a list, not steps.reboot.payload.n (the number 3)`,
		`upper(item)`:                                     `upper needs a text, not item (an object)`,
		`steps.reboot.payload.n startsWith "3"`:           `startsWith looks at a text, not at steps.reboot.payload.n (the number 3)`,
		`steps.reboot.payload.n matches "3"`:              `matches looks at a text, not at steps.reboot.payload.n (the number 3)`,
		`twin.reported.a.b contains "two"`:                "contains looks at a text, not at twin.reported.a.b (a list); for a list use `in`: item in list",
		`any(item, true)`:                                 `any needs a list, not item (an object)`,
		`1 in item.name`:                                  "`in` needs a list or an object on its right, not item.name (the text \"gw\")",
		`steps.reboot.payload.n in item`:                  `the name of a member is a text, not steps.reboot.payload.n (the number 3)`,
		`item[1:2]`:                                       `only a list or a text can be sliced, not item (an object)`,
		`inputs.list[0.5:]`:                               `the ends of a slice are whole numbers, not the number 0.5`,
		`1..item`:                                         `the ends of a range are whole numbers, not item (an object)`,
		`{(item): 1}`:                                     `the name of a member is a text, not item (an object)`,
		`-item`:                                           `only a number or a duration has a sign, not item (an object)`,
		`int(item.name)`:                                  `int needs a text that is a whole number, not item.name (the text "gw")`,
		`float("0x10")`:                                   `float needs a text that is a number, not the text "0x10"`,
		`time(item.name)`:                                 `"gw" is not a time; write one like 2026-01-31T12:00:00Z`,
		`duration(item.name)`:                             `"gw" is not a duration; write one like 500ms, 60s, 5m, 1h30m or 7d`,
		`semver(item.name)`:                               `"gw" is not a version; write one like 1.4.2`,
		`item.name matches item.name + "("`:               `"gw(" is not a regular expression: missing closing ) in "gw("`,
		`join(twin.reported.a.b)`:                         `join needs a list of texts, but item 0 is the number 1`,
		`sum(twin.reported.a.b)`:                          `sum needs numbers or durations, but item 1 is the text "two"`,
		`max(twin.reported.a.b)`:                          `max needs values of one kind, all of them there: the number 1 and the text "two" do not compare`,
		`count(inputs.list)`:                              `count(list) counts what is true, but item 0 is the number 1; use len(list)`,
		`bucket(item.name, 0)`:                            `the number of buckets is a whole number of at least 1, not the number 0`,
		`padLeft(1, 5000)`:                                `the length is a whole number from 0 to 1000, not the number 5000`,
		`fromJSON(item.name)`:                             `fromJSON needs a text that is JSON, not item.name (the text "gw")`,
		`lastUpdated(item, "reported.a")`:                 `lastUpdated needs a twin, not item (an object)`,
		`lastUpdated(twin, item.name)`:                    `"gw" is no path in a twin's properties; begin it with reported or desired`,
		`time(1e20)`:                                      `the number 100000000000000000000 is no number of seconds or milliseconds since 1970`,
		`1..2000000`:                                      `the range has more than 1000000 numbers`,
	} {
		_, err := evaluate(source, testEnv())
		var e *Error
		if !errors.As(err, &e) || e.Missing || e.Msg != want {
			t.Errorf("%s\n got %v\nwant %s", source, err, want)
		}
	}
}

func TestAConditionIsTrueOrFalseAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		source  string
		want    bool
		missing bool
		msg     string
	}{
		{source: `x == nil`, want: true},
		{source: `inputs.n > 5`},
		{source: `item.name`, msg: `a condition must be true or false, but this is the text "gw"`},
		{source: `twin.reported.up`, missing: true, msg: `twin.reported.up is missing`},
		{source: `vars.count`, missing: true, msg: `vars.count is null`},
		{source: `vars.count > 3`, missing: true, msg: `vars.count is null`},
		{source: `vars.count.x`, missing: true, msg: `vars.count.x is missing`},
		{source: `steps.reboot.payload.null`, missing: true, msg: `steps.reboot.payload.null is null`},
		{source: `first(filter(inputs.list, # > 9))`, missing: true, msg: `first(filter(inputs.list, # > 9)) is null`},
		{source: `twin.reported.n > 3`, missing: true, msg: `twin.reported.n is missing`},
	} {
		got, err := mustCompile(t, c.source).Test(testEnv())
		var e *Error
		switch {
		case c.msg == "" && (err != nil || got != c.want):
			t.Errorf("%s: got %v, %v, want %v", c.source, got, err, c.want)
		case c.msg != "" && (!errors.As(err, &e) || e.Missing != c.missing || e.Msg != c.msg):
			t.Errorf("%s: got %+v, want %q, missing %v", c.source, err, c.msg, c.missing)
		}
	}
}

// Where data is there and of the right types, our operators agree with expr's own.
func TestAgreesWithExprWhereExprHasAnAnswer(t *testing.T) {
	env := testEnv()
	plain := map[string]any{"inputs": env.Names["inputs"], "twin": env.Names["twin"], "item": env.Names["item"], "index": 1.0, "x": nil}
	for _, source := range []string{
		`inputs.n + 1 == 4 and inputs.device startsWith "dev"`, `inputs.n * 2 - 1`, `inputs.n ** 2 / 4`, `(inputs.n > 2 or 1 > 2) and not inputs.deep`,
		`inputs.deep ? inputs.device : "none"`, `x ?? inputs.n`, `twin.reported.a.b[1]`, `"two" in twin.reported.a.b`, `"a" in twin.reported`,
		`any(inputs.list, # > 2) and all(inputs.list, # > 0) and none(inputs.list, # > 3) and one(inputs.list, # == 3)`,
		`map(filter(inputs.list, # >= 2), # * inputs.n)`, `sum(inputs.list, # * #)`, `find(inputs.list, # == 2)`, `inputs.list[1:]`, `inputs.list[:2]`, `inputs.list[-1]`,
		`let a = inputs.n; let b = a * 2; a + b`, `item.name contains "w" and item.name matches "^g" and item.name endsWith "w"`,
		`inputs.device == "dev-1" && (inputs.n != 3 || inputs.n == 3)`, `not (inputs.n in [1, 2])`, `inputs.n not in [3.0]`, `upper(item.name) + lower("X") + trim(" y ")`,
		`replace("a-b-c", "-", "+")`, `join(split("a,b", ","), ";")`, `hasPrefix("abc", "ab") == hasSuffix("abc", "bc")`, `indexOf("abc", "c")`, `abs(-inputs.n)`,
		`min(inputs.list) + max(inputs.list)`, `floor(2.5) + ceil(2.5) + round(2.4)`, `{a: inputs.n, b: [1.5]}`, `first(inputs.list) < last(inputs.list)`,
		`if inputs.n > 2 { "big" } else { "small" }`, `inputs.list | filter(# > 1) | map(# + 1)`, `any([[1.5], [2.5]], any(#, # > 2))`, `len(inputs.list) + len(inputs.device)`,
		`count(inputs.list, # > 1) > 1`, `twin?.reported?.nothing?.more`, `2 - 1 - 1.5`, `-2 ** 2`, `1 - -1.5`, `false or true and false`,
	} {
		theirs, err := expr.Eval(source, plain)
		if err != nil {
			t.Errorf("%s: expr says %v", source, err)
			continue
		}
		want, err := ToJSON(theirs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := evaluate(source, env)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v; expr says %#v", source, got, err, want)
		}
	}
}
