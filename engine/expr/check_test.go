package expr

import (
	"strings"
	"sync"
	"testing"
)

// A problem as a reader sees it: the text that is underlined, the rule, the words, the hint.
func TestMistakesAreFoundBeforeTheRun(t *testing.T) {
	for _, c := range []struct{ source, place, rule, msg, hint string }{
		// Names.
		{`inputs.devcie == "x"`, `inputs.devcie`, "unknown-input", `unknown input "devcie"`, `did you mean inputs.device?`},
		{`vars.cuont == 1`, `vars.cuont`, "unknown-variable", `unknown variable "cuont"`, `did you mean vars.count?`},
		{`steps.befor.twin == nil`, `steps.befor`, "unknown-step", `unknown step "befor"`, `did you mean steps.before?`},
		{`steps.reboot.statuss == 200`, `steps.reboot.statuss`, "unknown-member", `steps.reboot has no statuss`, `did you mean steps.reboot.status?`},
		{`steps.before.twin.reportet.a == 1`, `steps.before.twin.reportet`, "unknown-member", `steps.before.twin has no reportet`, `did you mean steps.before.twin.reported?`},
		{`steps["before"].twn == nil`, `steps["before"].twn`, "unknown-member", `steps["before"] has no twn`, `did you mean steps["before"].twin?`},
		{`twni.reported.a == 1`, `twni`, "unknown-name", `unknown name "twni"`, `did you mean twin?`},
		{`twin.connectionState == Connected`, `Connected`, "unknown-name", `unknown name "Connected"`, `known here: index, inputs, item, run, steps, twin, vars, x; a text stands in quotes: "Connected"`},
		{`response.status == 200`, `response`, "unknown-name", `response is not known here`, `response is known in expect; elsewhere write steps.ID.payload`},
		{`any(inputs.list, twni.x == #)`, `twni`, "unknown-name", `unknown name "twni"`, `did you mean twin?`},
		{`true and False`, `False`, "unknown-name", `unknown name "False"`, `write false`},
		{`len == 3`, `len`, "unknown-name", `len is a function`, `write len(…)`},
		{`$env.inputs`, `$env`, "unknown-name", `a name cannot begin with $: "$env"`, `write the expression without $ and braces`},
		{`__loose(1)`, `__loose(1)`, "unknown-function", `there is no function __loose`, `functions: abs age`},
		{`secrets.TOKEN == "x"`, `secrets.TOKEN`, "secret-place", `a secret stands alone, as ${{ secrets.NAME }}, in a parameter of an action; no expression can read it`, ``},
		{`len(secrets)`, `secrets`, "whole-object", `secrets cannot stand alone`, `write secrets.NAME`},
		{`steps`, `steps`, "whole-object", `steps cannot stand alone`, `write steps.ID`},
		{`inputs[item.name]`, `inputs[item.name]`, "whole-object", `a member of inputs must be named in the file, not computed`, `write inputs.NAME`},
		{`toJSON(vars)`, `vars`, "whole-object", `vars cannot stand alone`, `write vars.NAME`},
		{`let inputs = 1; 2`, `inputs`, "expression", `inputs already means something`, `take another name`},
		{`let len = 1; 2`, `len`, "expression", `len already means something`, `take another name`},
		{`twin.reported.fw-version == "1"`, `twin.reported.fw-version`, "dashed-name", `twin.reported.fw-version is a subtraction here`, `write twin.reported["fw-version"]`},
		{`any(inputs.list, #acc > 1)`, `#acc`, "expression", `#acc is not known`, `write # for the item, #.name for its member`},
		{`any(inputs.list, #index > 1)`, `#index`, "expression", `#index is only known in map`, ``},
		// Types.
		{`steps.reboot.status == "200"`, `steps.reboot.status == "200"`, "type-mismatch", `steps.reboot.status is a number and "200" is a text: they are never equal`, `write steps.reboot.status == 200`},
		{`"200" != steps.reboot.status`, `"200" != steps.reboot.status`, "type-mismatch", `"200" is a text and steps.reboot.status is a number: they are never equal`, `write 200 != steps.reboot.status`},
		{`inputs.n > "3"`, `inputs.n > "3"`, "type-mismatch", `inputs.n is a number and "3" is a text: they cannot be compared`, `write inputs.n > 3`},
		{`inputs.device == 3`, `inputs.device == 3`, "type-mismatch", `inputs.device is a text and 3 is a number: they are never equal`, `write inputs.device == "3"`},
		{`inputs.deep == "true"`, `inputs.deep == "true"`, "type-mismatch", `inputs.deep is a boolean and "true" is a text: they are never equal`, `write inputs.deep == true`},
		{`run.startedAt < "2026-01-01"`, `run.startedAt < "2026-01-01"`, "type-mismatch", `run.startedAt is a time and "2026-01-01" is a text: they cannot be compared`, `write run.startedAt < time("2026-01-01")`},
		{`age(run.startedAt) > "5m"`, `age(run.startedAt) > "5m"`, "type-mismatch", `age(run.startedAt) is a duration and "5m" is a text: they cannot be compared`, `write age(run.startedAt) > duration("5m")`},
		{`semver("1.2") < inputs.device`, `semver("1.2") < inputs.device`, "type-mismatch", `semver("1.2") is a version and inputs.device is a text: they cannot be compared`, `write semver(…) around the text`},
		{`inputs.n and true`, `inputs.n`, "type-mismatch", `both sides of and must be true or false, and inputs.n is a number`, ``},
		{`not inputs.device`, `inputs.device`, "type-mismatch", `not needs true or false, and inputs.device is a text`, ``},
		{`inputs.n ? 1 : 2`, `inputs.n`, "type-mismatch", `what stands before ? must be true or false, and inputs.n is a number`, ``},
		{`inputs.device + inputs.n`, `inputs.device + inputs.n`, "type-mismatch", `inputs.device (a text) + inputs.n (a number) cannot be calculated`, `write string(…) around what is to become text`},
		{`now() + 5`, `now() + 5`, "type-mismatch", `now() (a time) + 5 (a number) cannot be calculated`, ``},
		{`inputs.device % 2`, `inputs.device % 2`, "type-mismatch", `inputs.device (a text) % 2 (a number) cannot be calculated`, `write string(…) around what is to become text`},
		{`inputs.list > 3`, `inputs.list`, "type-mismatch", `inputs.list is a list, which has no order`, ``},
		{`nil > 3`, `nil`, "type-mismatch", `nil is nil, which has no order`, ``},
		{`inputs.list contains 3`, `inputs.list`, "type-mismatch", `contains looks for a text in a text`, `for a list write 3 in inputs.list`},
		{`twin.reported.list contains 3`, `twin.reported.list`, "type-mismatch", `contains looks for a text in a text`, `for a list write 3 in twin.reported.list`},
		{`"a" in inputs.device`, `"a" in inputs.device`, "type-mismatch", `in needs a list or an object on its right, and inputs.device is a text`, `write inputs.device contains "a"`},
		{`inputs.n in ["3"]`, `inputs.n in ["3"]`, "type-mismatch", `inputs.n is a number and the items of ["3"] are not: it is never in it`, ``},
		{`3 in vars.names`, `3 in vars.names`, "type-mismatch", `3 is a number and the items of vars.names are not: it is never in it`, ``},
		{`inputs.n startsWith "3"`, `inputs.n`, "type-mismatch", `startsWith needs texts, and inputs.n is a number`, ``},
		{`-inputs.device`, `inputs.device`, "type-mismatch", `only a number or a duration has a sign, and inputs.device is a text`, ``},
		{`inputs.n[1:2]`, `inputs.n`, "type-mismatch", `only a text or a list can be sliced, and inputs.n is a number`, ``},
		{`inputs.device.x`, `inputs.device.x`, "unknown-member", `inputs.device is a text and has no members`, ``},
		{`now().Unix`, `now().Unix`, "unknown-member", `now() is a time and has no members`, ``},
		{`inputs.list.length > 3`, `inputs.list.length`, "unknown-member", `a list has no member length`, `write len(inputs.list)`},
		{`inputs.list.name == 3`, `inputs.list.name`, "unknown-member", `a list has no member name`, `write inputs.list[0].name, or any(inputs.list, #.name …)`},
		{`any(vars.names, # > 3)`, `# > 3`, "type-mismatch", `# is a text and 3 is a number: they cannot be compared`, `write # > "3"`},
		{`any(inputs.device, # == "x")`, `inputs.device`, "type-mismatch", `any needs a list, and inputs.device is a text`, ``},
		{`filter(inputs.list, 3)`, `3`, "type-mismatch", `filter needs a condition for each item, and 3 is a number`, ``},
		{`{(inputs.n): 1}`, `inputs.n`, "type-mismatch", `the name of a member is a text, and inputs.n is a number`, ``},
		{`1 / 0`, `0`, "bad-literal", `nothing can be divided by zero`, ``},
		// Functions.
		{`len(3)`, `3`, "arguments", `len(value) needs a text, an object or a list, and 3 is a number`, ``},
		{`upper(nil)`, `nil`, "arguments", `upper needs a value, and nil is nil`, ``},
		{`upper()`, `upper()`, "arguments", `upper needs more than 0 arguments`, `write upper(text)`},
		{`upper("a", "b")`, `upper("a", "b")`, "arguments", `upper takes no more than 1 argument`, `write upper(text)`},
		{`replace("a", "b")`, `replace("a", "b")`, "arguments", `replace needs more than 2 arguments`, `write replace(text, old, new)`},
		{`age(twin.etag)`, `twin.etag`, "arguments", `age(time) needs a time, and twin.etag is a text`, `write age(time(twin.etag))`},
		{`uper("a")`, `uper("a")`, "unknown-function", `there is no function uper`, `did you mean upper?`},
		{`keys(twin)`, `keys(twin)`, "unknown-function", `there is no function keys`, `use in to ask for a member, or diff to compare objects`},
		{`date("2026-01-01")`, `date("2026-01-01")`, "unknown-function", `there is no function date`, `write time("2026-01-31T12:00:00Z")`},
		{`groupBy(inputs.list, #)`, `groupBy(inputs.list, #)`, "unknown-function", `there is no function groupBy`, `use filter and count`},
		{`reduce(inputs.list, #acc + #)`, `reduce(inputs.list, #acc + #)`, "unknown-function", `there is no function reduce`, `use sum, count, min or max`},
		{`inputs.device.toUpperCase()`, `inputs.device.toUpperCase()`, "unknown-function", `data has no functions of its own`, `write upper(inputs.device)`},
		{`now().Unix() > 3`, `now().Unix()`, "unknown-function", `data has no functions of its own`, `write function(value)`},
		{`noise() > 0`, `noise()`, "unknown-function", `noise() is known in simulator files only: an expression of a workflow must repeat`, ``},
		{`duration("5x") == nil`, `"5x"`, "bad-literal", `"5x" is not a duration; write one like 500ms, 60s, 5m, 1h30m or 7d`, ``},
		{`time("garbage") == nil`, `"garbage"`, "bad-literal", `"garbage" is not a time; write one like 2026-01-31T12:00:00Z`, ``},
		{`semver("one") == nil`, `"one"`, "bad-literal", `"one" is not a version; write one like 1.4.2`, ``},
		{`fromJSON("[1") == nil`, `"[1"`, "bad-literal", `"[1" is not JSON`, ``},
		{`lastUpdated(twin, "rebootTime") == nil`, `"rebootTime"`, "bad-literal", `"rebootTime" is no path in a twin's properties; begin it with reported or desired`, ``},
		{`inputs.device matches "("`, `"("`, "bad-literal", `"(" is not a regular expression: missing closing ) in "("`, ``},
		// Syntax, and habits from elsewhere.
		{``, ``, "syntax", `the expression is empty`, ``},
		{`inputs.n = 3`, `=`, "syntax", `equality is ==; = is not known`, `write inputs.n == 3`},
		{`inputs.n === 3`, `===`, "syntax", `equality is ==; === is not known`, `write inputs.n == 3`},
		{`inputs.n !== 3`, `!==`, "syntax", `inequality is !=; !== is not known`, `write inputs.n != 3`},
		{`inputs.n <> 3`, `<>`, "syntax", `inequality is !=; <> is not known`, `write inputs.n != 3`},
		{`inputs.deep & true`, `&`, "syntax", `the word is and; & is not known`, `write inputs.deep and true`},
		{`inputs.deep | true`, `|`, "syntax", `the word is or; | is not known`, `write inputs.deep or true`},
		{`inputs.deep AND true`, `AND`, "syntax", `the word is and; AND is not known`, `write inputs.deep and true`},
		{`inputs.deep OR true`, `OR`, "syntax", `the word is or; OR is not known`, `write inputs.deep or true`},
		{`NOT inputs.deep`, `NOT`, "syntax", `the word is not; NOT is not known`, `write not inputs.deep`},
		{`x ?? inputs.n == 3`, `=`, "syntax", `what ?? belongs to is not clear: it needs brackets`, `write (x ?? inputs.n) == 3`},
		{`inputs.deep and x ?? 1 == 3`, `=`, "syntax", `what ?? belongs to is not clear: it needs brackets`, `write inputs.deep and (x ?? 1) == 3`},
		{`1 < inputs.n < 5`, `inputs.n`, "comparison-chain", `comparisons cannot be chained`, `write 1 < inputs.n and inputs.n < 5`},
		{`1 == inputs.n == x`, `1 == inputs.n == x`, "comparison-chain", `comparisons cannot be chained: this compares true or false with x`, `write 1 == inputs.n and inputs.n == x`},
		{`x ?: 3`, `x`, "syntax", `there is no operator ?:`, `write a ?? b`},
		{`${{ inputs.deep }}`, `${{`, "template-in-expression", `this is an expression already, so ${{ is not needed`, `write inputs.deep`},
		{`{{ inputs.deep }}`, `{{`, "template-in-expression", `this is an expression already, so {{ is not needed`, `write inputs.deep`},
		{`${inputs.deep}`, `${`, "template-in-expression", `this is an expression already, so ${ is not needed`, `write inputs.deep`},
		{`"${{ inputs.device }}" == inputs.device`, `"${{ inputs.device }}"`, "template-in-expression", `this text is taken as it is: no ${{ }} is filled in inside an expression`, `join texts with +, or use the value itself`},
		{`inputs.n > ${{ x }}`, `${{`, "template-in-expression", `this is an expression already, so ${{ is not needed`, `write inputs.n > x`},
		{`inputs.device == "abc`, `"abc`, "syntax", `a text is not closed`, `end it with the quote it begins with`},
		{`any(inputs.list, # > 1`, `1`, "syntax", `the expression ends too early: something is missing, perhaps a closing bracket`, ``},
		{`inputs.n + * 3`, `*`, "syntax", `the expression cannot be read from here on: "* 3"`, ``},
		{`b"abc" == x`, `b"abc"`, "expression", `there are no byte texts`, `write the text without b`},
		{`1; 2`, `1; 2`, "expression", `an expression gives one value; take out what stands before ;`, ``},
		{`x == 9007199254740993`, `9007199254740993`, "expression", `the number is too large: numbers are exact up to 9007199254740992`, `write it as a text`},
		{`"häü" == twni`, `twni`, "unknown-name", `unknown name "twni"`, `did you mean twin?`},
		// Bounds.
		{`any(inputs.list, any(inputs.list, sum(inputs.list, #) > #))`, `sum(inputs.list, #)`, "nested-loops",
			`sum stands inside 2 others; more than 2 functions over lists inside each other could take for ever`, `give an inner list a name with let, or split the condition`},
	} {
		_, problems := testScope().Compile(c.source, CompileOptions{})
		if len(problems) != 1 {
			t.Errorf("%s: %d problems, want 1: %+v", c.source, len(problems), problems)
			continue
		}
		p, runes := problems[0], []rune(c.source)
		place := string(runes[min(p.Offset, len(runes)):min(p.Offset+p.Width, len(runes))])
		if place != c.place || p.Rule != c.rule || p.Msg != c.msg || c.hint == "" != (p.Hint == "") || !strings.HasPrefix(p.Hint, c.hint) {
			t.Errorf("%s\n got %q [%s] %s | %s\nwant %q [%s] %s | %s", c.source, place, p.Rule, p.Msg, p.Hint, c.place, c.rule, c.msg, c.hint)
		}
	}
}

func TestWhatIsRightIsNotRefused(t *testing.T) {
	for _, source := range []string{
		`(inputs.deep ? steps.before : steps.reboot).status == 3`, `(steps.before.twin ?? twin).tags.x == nil`, `map([steps.before, steps.reboot], #.status)`,
		`let s = inputs.deep ? steps.before : steps.reboot; s.payload.x == 1`, `inputs.list[inputs.n].name == "x"`, `inputs.list[inputs.n:]`,
		`inputs.n % 2 == 0`, `1..inputs.n`, `steps.reboot.payload == {a: 1}`, `steps.reboot.payload.a.b[0].c > 3`, `twin.tags.site in ["a", "b"]`,
		`twin.reported.a - twin.reported.b > 3`, `inputs.n-inputs.delay`, `twin.reported.a-inputs.n`, `(1 == inputs.n) == inputs.deep`, `run.trigger.webhook.id == "x"`,
		`steps.reboot.error.kind == "timeout" and steps.reboot.error.maybeDone`, `steps.reboot.attempts > 1`, `now() - steps.reboot.finishedAt > duration("5m")`,
		`semver(twin.reported.fw) >= semver("1.4.2")`, `filter(inputs.list, semver(#) < semver("2"))`, `{"a-b": 1}["a-b"]`, "`raw` == 'single'",
		`min(now(), run.startedAt) == run.startedAt`, `abs(now() - run.startedAt) < duration("1s")`, `x in inputs.list and not (x in twin.tags)`, `x == nil or null != x`,
	} {
		if _, problems := testScope().Compile(source, CompileOptions{}); problems != nil {
			t.Errorf("%s: %+v", source, problems)
		}
	}
}

func TestAllProblemsOfAnExpressionComeAtOnceInOrder(t *testing.T) {
	_, problems := testScope().Compile(`inputs.devcie == "x" and inputs.n > "3" and uper("a") == duration("5x")`, CompileOptions{})
	var rules []string
	for _, p := range problems {
		rules = append(rules, p.Rule)
	}
	if got, want := strings.Join(rules, " "), "unknown-input type-mismatch unknown-function bad-literal"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAConditionMustBeBoolean(t *testing.T) {
	for source, want := range map[string]string{
		`inputs.n`: `a condition must be true or false, and inputs.n is a number`, `"true"`: `a condition must be true or false, and "true" is a text`,
		`nil`: `a condition must be true or false, and nil is nil`, `inputs.n == 3`: ``, `x`: ``, `steps.reboot.payload.ok`: ``,
	} {
		_, problems := testScope().Compile(source, CompileOptions{Bool: true})
		got := ""
		if len(problems) > 0 {
			got = problems[0].Msg
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
}

func TestAStepThatCannotBeSeenHasAReason(t *testing.T) {
	opt := CompileOptions{Step: func(id string) string {
		if id == "after" {
			return "it comes later"
		}
		return ""
	}}
	_, problems := testScope().Compile(`steps.before.outcome == steps.after.outcome`, opt)
	if len(problems) != 1 || problems[0].Msg != "steps.after cannot be seen here: it comes later" || problems[0].Offset != 24 || problems[0].Width != 11 {
		t.Errorf("got %+v", problems)
	}
}

func TestSizeIsBounded(t *testing.T) {
	for source, want := range map[string]string{
		strings.Repeat(" ", maxSourceBytes) + "1":                            "expression-size",
		strings.Repeat("1+", 300) + "1":                                      "expression-size",
		strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000):          "",
		strings.Repeat("(", 4000):                                            "syntax",
		strings.Repeat("1 < (", 90) + "1" + strings.Repeat(") < 2", 90):      "comparison-chain",
		strings.Repeat("(", 90) + "x" + strings.Repeat(" ?: 1)", 90):         "syntax",
		strings.Repeat("trim(", 160) + `"a"` + strings.Repeat(`, "a")`, 160): "",
		strings.Repeat("not ", 400) + "true":                                 "",
	} {
		_, problems := testScope().Compile(source, CompileOptions{})
		got := ""
		if len(problems) > 0 {
			got = problems[0].Rule
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", Shorten(source, 40), got, want)
		}
	}
}

func TestScopeWithHidesAndKeepsTheOther(t *testing.T) {
	s := NewScope(map[string]Type{"a": {Kind: Number}})
	inner := s.With(map[string]Type{"a": {Kind: String}, "item": {Kind: String}})
	if _, problems := inner.Compile(`a == item`, CompileOptions{}); problems != nil {
		t.Errorf("inner: %+v", problems)
	}
	if _, problems := s.Compile(`a == 3 and item == "x"`, CompileOptions{}); len(problems) != 1 || problems[0].Rule != "unknown-name" {
		t.Errorf("outer: %+v", problems)
	}
}

func TestAnEmptyScopeGrows(t *testing.T) {
	if _, problems := NewScope(nil).With(map[string]Type{"a": {}}).Compile(`a == 1`, CompileOptions{}); problems != nil {
		t.Errorf("%+v", problems)
	}
}

func TestScopesOfTheirOwnAreUsedAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s := testScope()
			for range 20 {
				inner := s.With(map[string]Type{"more": TwinType()})
				e, problems := inner.Compile(`more.reported.a == twin.reported.a and steps.reboot.status == 200 and now() > run.startedAt`, CompileOptions{Bool: true})
				if problems != nil || e.Type().Kind != Bool {
					t.Errorf("%+v", problems)
				}
			}
		})
	}
	all.Wait()
}

func TestTypeAndRefsOfAnExpression(t *testing.T) {
	e := mustCompile(t, `[steps.before.twin, steps.reboot.payload, steps.before.outcome, twin, inputs.n, let a = vars.names; a]`)
	if refs := e.Refs(); len(refs) != 4 || strings.Join(refs["steps"], " ") != "before reboot" || refs["twin"] != nil || strings.Join(refs["vars"], " ") != "names" {
		t.Errorf("refs: %v", refs)
	}
	if typ := mustCompile(t, `steps.before.twin`).Type(); typ.Kind != Object || typ.Fields["desiredVersion"].Kind != Number {
		t.Errorf("type: %+v", typ)
	}
	if typ := mustCompile(t, `filter(vars.names, # != "x")`).Type(); typ.Kind != List || typ.Elem == nil || typ.Elem.Kind != String {
		t.Errorf("type: %+v", typ)
	}
	for _, source := range []string{`inputs.deep ? steps.before : steps.reboot`, `steps.before ?? twin`, `let a = 1; steps.before ?? twin`} {
		if typ := mustCompile(t, source).Type(); typ.Kind != Object || typ.Fields != nil {
			t.Errorf("%s: %+v: members of one of two objects are taken for those of both", source, typ)
		}
	}
	if mustCompile(t, `twin.etag == "x"`).UsesNow() || !mustCompile(t, `age(run.startedAt) > duration("1m")`).UsesNow() || !mustCompile(t, `now() > run.startedAt`).UsesNow() {
		t.Error("UsesNow")
	}
}
