package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A function is what an expression may call, beside the nine of expr that take a predicate. All
// of them repeat: they see their arguments, and of the world only the time of the event at hand.
type function struct {
	name     string
	params   []param
	optional int  // how many of the last params may be left out
	variadic bool // the last param may come any number of times
	result   Kind
	clock    bool // it reads the time of the evaluation
	random   bool // only where a scope says so

	// literal, if set, says what is wrong with an argument that the file gives as it is.
	literal func(index int, value string) error

	// run gets arguments of the right number and kinds, none of them nil.
	run func(ev *evaluation, args []any) (any, error)
}

// A param is a parameter; kinds zero takes every value.
type param struct {
	name  string
	kinds kindSet
}

// functions are all of them by name.
var functions = functionTable(textFunctions(), numberFunctions(), timeFunctions(), dataFunctions())

func functionTable(groups ...[]function) map[string]*function {
	table := make(map[string]*function)
	for _, group := range groups {
		for i := range group {
			table[group[i].name] = &group[i]
		}
	}
	return table
}

// predicates are the functions of expr that look at each item of a list. They stay expr's, but
// their list and what their predicate gives are checked by us.
var predicates = map[string]bool{
	"all": true, "none": true, "any": true, "one": true, "filter": true, "map": true, "find": true, "count": true, "sum": true,
}

// functionNames are all functions an expression may call, in alphabetical order; noise is only
// for simulator files.
func functionNames() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(functions)), maps.Keys(predicates))
	slices.Sort(names)
	return slices.Compact(names)
}

// IsFunction says whether a name is a function's.
func IsFunction(name string) bool {
	_, function := functions[name]
	return function || predicates[name]
}

// signature is how to call the function: "replace(text, old, new)".
func (f *function) signature() string {
	names := make([]string, len(f.params))
	for i, p := range f.params {
		names[i] = p.name
		if i >= len(f.params)-f.optional {
			names[i] += "?"
		}
	}
	if f.variadic {
		names = append(names, "…")
	}
	return f.name + "(" + strings.Join(names, ", ") + ")"
}

// param is the parameter that an argument is for.
func (f *function) param(index int) param { return f.params[min(index, len(f.params)-1)] }

// arity says what is wrong with the number of arguments, or nothing.
func (f *function) arity(given int) string {
	switch {
	case given < len(f.params)-f.optional:
		return fmt.Sprintf("%s needs more than %s", f.name, countOf(given, "argument"))
	case given > len(f.params) && !f.variadic:
		return fmt.Sprintf("%s takes no more than %s", f.name, countOf(len(f.params), "argument"))
	}
	return ""
}

func countOf(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// call checks the arguments and runs the function.
func (f *function) call(ev *evaluation, args []any) (any, error) {
	for i, arg := range args {
		if arg == nil {
			return nil, missing(i)
		}
		if want := f.param(i).kinds; !want.has(kindOf(arg)) {
			return nil, wrong(i, arg, escapePercent(fmt.Sprintf("%s needs %s, not ", f.name, want))+"%s")
		}
	}
	return f.run(ev, args)
}

// The parameters that many functions have.
var (
	textParam   = param{"text", kinds(String)}
	numberParam = param{"number", kinds(Number)}
	listParam   = param{"list", kinds(List)}
	timeParam   = param{"time", kinds(Time)}
)

func textNamed(name string) param   { return param{name, kinds(String)} }
func numberNamed(name string) param { return param{name, kinds(Number)} }

// instead says what to write for functions that people expect and that are left out.
var instead = map[string]string{
	"date":          `write time("2026-01-31T12:00:00Z")`,
	"keys":          "use in to ask for a member, or diff to compare objects",
	"values":        "use in to ask for a member, or diff to compare objects",
	"toPairs":       "use in to ask for a member, or diff to compare objects",
	"fromPairs":     "write the object as {name: value}",
	"groupBy":       "use filter and count",
	"countBy":       "use count with a condition",
	"reduce":        "use sum, count, min or max",
	"sort":          "use min, max, first or last",
	"sortBy":        "use min, max or find",
	"findIndex":     "use find",
	"findLast":      "use last(filter(…))",
	"findLastIndex": "use last(filter(…))",
	"mean":          "write sum(list) / len(list)",
	"median":        "write sum(list) / len(list) for the mean",
	"concat":        "use + for texts",
	"flatten":       "use map",
	"uniq":          "use any or count",
	"reverse":       "use last and first",
	"take":          "write list[0:n]",
	"repeat":        "use padLeft",
	"type":          "compare with nil or a value",
	"get":           `write object["name"]`,
	"trimPrefix":    `use replace`,
	"trimSuffix":    `use replace`,
	"splitAfter":    "use split",
	"lastIndexOf":   "use indexOf",
	"timezone":      "times are compared as instants; no zone is needed",
	"toBase64":      "send the text as it is",
	"fromBase64":    "let the device send text",
	"parseJSON":     "write fromJSON(text)",
	"size":          "write len(…)",
	"length":        "write len(…)",
	"count_if":      "write count(list, condition)",
	"exists":        "write … != nil",
	"defined":       "write … != nil",
	"isNull":        "write … == nil",
	"str":           "write string(…)",
	"number":        "write float(…)",
	"bool":          `write … == true or … == "true"`,
	"contains":      `write text contains "part"`,
	"startsWith":    `write text startsWith "part"`,
	"endsWith":      `write text endsWith "part"`,
	"matches":       `write text matches "pattern"`,
	"toLower":       "write lower(…)",
	"toUpper":       "write upper(…)",
	"bitand":        "", "bitor": "", "bitxor": "", "bitnand": "", "bitnot": "", "bitshl": "", "bitshr": "", "bitushr": "",
}
