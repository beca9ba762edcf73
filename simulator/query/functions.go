package query

import (
	"fmt"
	"math"
	"strings"
)

// A function is computed from the values of its arguments.
type function struct {
	min, max int  // how many arguments
	routes   bool // a hub knows it in message routes, not in twin queries
	apply    func(args []any) any
}

// functions by name in upper case. IS_DEFINED is not here, because it looks at a path and not at a
// value. The documentation of twin queries has only that one; STARTSWITH and ENDSWITH, without an
// underscore, are known to work (MicrosoftDocs/azure-docs issue 110329).
var functions = map[string]function{
	"STARTSWITH": {2, 2, false, onStrings(strings.HasPrefix)},
	"ENDSWITH":   {2, 2, false, onStrings(strings.HasSuffix)},

	"STARTS_WITH": {2, 2, true, onStrings(strings.HasPrefix)},
	"ENDS_WITH":   {2, 2, true, onStrings(strings.HasSuffix)},
	"CONTAINS":    {2, 2, true, onStrings(strings.Contains)},
	"INDEX_OF":    {2, 2, true, onStrings(indexOf)},
	"CONCAT":      {2, math.MaxInt, true, concat},
	"LENGTH":      {1, 1, true, onString(length)},
	"LOWER":       {1, 1, true, onString(strings.ToLower)},
	"UPPER":       {1, 1, true, onString(strings.ToUpper)},
	"SUBSTRING":   {2, 3, true, substring},

	"ABS":     {1, 1, true, onNumber(math.Abs)},
	"CEILING": {1, 1, true, onNumber(math.Ceil)},
	"EXP":     {1, 1, true, onNumber(math.Exp)},
	"FLOOR":   {1, 1, true, onNumber(math.Floor)},
	"POWER":   {2, 2, true, power},
	"SIGN":    {1, 1, true, onNumber(sign)},
	"SQRT":    {1, 1, true, onNumber(math.Sqrt)},
	"SQUARE":  {1, 1, true, onNumber(func(f float64) float64 { return f * f })},

	"AS_NUMBER":    {1, 1, true, asNumber},
	"IS_ARRAY":     {1, 1, true, isKind(kindArray, kindArray)},
	"IS_BOOL":      {1, 1, true, isKind(kindBool, kindBool)},
	"IS_NULL":      {1, 1, true, isKind(kindNull, kindNull)},
	"IS_NUMBER":    {1, 1, true, isKind(kindNumber, kindNumber)},
	"IS_OBJECT":    {1, 1, true, isKind(kindObject, kindObject)},
	"IS_PRIMITIVE": {1, 1, true, isKind(kindNull, kindString)},
	"IS_STRING":    {1, 1, true, isKind(kindString, kindString)},
}

// function finds the one that a query calls, if the dialect has it.
func (p *parser) function(name token, upper string) (function, bool) {
	f, ok := functions[upper]
	switch {
	case upper == "COUNT" || upper == "AVG" || upper == "SUM" || upper == "MIN" || upper == "MAX":
		p.fail(name.pos, "%s belongs in the select list", upper)
	case !ok:
		p.fail(name.pos, "there is no function %s", shorten(name.text))
	case f.routes && !p.Superset:
		p.fail(name.pos, "%s works in message routes only, not in queries%s", upper, instead(upper))
	default:
		return f, true
	}
	return function{}, false
}

func instead(upper string) string {
	if plain := strings.ReplaceAll(upper, "_", ""); plain != upper && functions[plain].apply != nil {
		return ", write " + plain
	}
	return ""
}

// arity says in words how many arguments f takes.
func (f function) arity() string {
	switch {
	case f.max == math.MaxInt:
		return fmt.Sprintf("%d or more arguments", f.min)
	case f.min != f.max:
		return fmt.Sprintf("%d or %d arguments", f.min, f.max)
	case f.min == 1:
		return "1 argument"
	default:
		return fmt.Sprintf("%d arguments", f.min)
	}
}
