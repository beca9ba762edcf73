package expr

import (
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
)

// runningFunctions are all operators and functions as expr's machine calls them.
func runningFunctions() conf.FunctionsTable {
	table := conf.FunctionsTable{}
	add := func(name string, f func(ev *evaluation, args []any) (any, error)) {
		table[name] = &builtin.Function{Name: name, Func: func(args ...any) (any, error) {
			return f(args[0].(*evaluation), args[1:])
		}}
	}
	for name, f := range functions {
		add(name, f.call)
	}
	for name, f := range operators {
		add(name, f)
	}
	return table
}

// operators by the names that the rewriter gives them.
var operators = map[string]func(ev *evaluation, args []any) (any, error){
	"path":   func(ev *evaluation, args []any) (any, error) { return args[0].(*path).value(ev.env), nil },
	"member": func(_ *evaluation, args []any) (any, error) { return member(args[0], args[1]), nil },
	"truth":  func(_ *evaluation, args []any) (any, error) { return truth(args[0]) },
	"sign":   func(_ *evaluation, args []any) (any, error) { return negate(args[0].(string), args[1]) },
	"arithmetic": func(ev *evaluation, args []any) (any, error) {
		return ev.arithmetic(args[0].(string), args[1], args[2])
	},
	"slice": func(ev *evaluation, args []any) (any, error) { return ev.slice(args[0], args[1], args[2]) },
	"..":    func(ev *evaluation, args []any) (any, error) { return ev.numbers(args[0], args[1]) },
	"==": func(ev *evaluation, args []any) (any, error) {
		same, err := ev.equal(args[0], args[1], 0)
		return same, err
	},
	"<":          func(_ *evaluation, args []any) (any, error) { return less(args[0], args[1]) },
	">":          func(_ *evaluation, args []any) (any, error) { return more(args[0], args[1]) },
	"<=":         func(_ *evaluation, args []any) (any, error) { return atMost(args[0], args[1]) },
	">=":         func(_ *evaluation, args []any) (any, error) { return atLeast(args[0], args[1]) },
	"in":         func(ev *evaluation, args []any) (any, error) { return ev.contains(args[0], args[1]) },
	"contains":   textOperator("contains", containsText),
	"startsWith": textOperator("startsWith", startsWith),
	"endsWith":   textOperator("endsWith", endsWith),
	"matches":    textOperator("matches", matchesText),
	"matchesLiteral": func(ev *evaluation, args []any) (any, error) {
		text, ok := args[0].(string)
		if !ok {
			return textOperator("matches", matchesText)(ev, []any{args[0], ""})
		}
		return args[1].(*pattern).match(ev, text)
	},
	"items": items,
	"key":   objectKey,
	"sum":   func(ev *evaluation, args []any) (any, error) { return sumOf(ev, args[0].([]any)) },
	"count": func(ev *evaluation, args []any) (any, error) { return countTrue(ev, args[0].([]any)) },
}

func textOperator(name string, run func(*evaluation, []any) (any, error)) func(*evaluation, []any) (any, error) {
	return func(ev *evaluation, args []any) (any, error) {
		for i, arg := range args {
			switch arg.(type) {
			case string:
			case nil:
				return nil, missing(i)
			case []any:
				return nil, wrong(i, arg, name+" looks at a text, not at %s; for a list use `in`: item in list")
			default:
				return nil, wrong(i, arg, name+" looks at a text, not at %s")
			}
		}
		return run(ev, args)
	}
}

// items is the list that a predicate goes over.
func items(ev *evaluation, args []any) (any, error) {
	switch list := args[1].(type) {
	case nil:
		return nil, missing(0)
	case []any:
		return list, ev.spend((1 + len(list)) * workPerItem)
	}
	return nil, wrong(0, args[1], args[0].(string)+" needs a list, not %s")
}

func objectKey(_ *evaluation, args []any) (any, error) {
	switch args[0].(type) {
	case string:
		return args[0], nil
	case nil:
		return nil, missing(0)
	}
	return nil, wrong(0, args[0], "the name of a member is a text, not %s")
}
