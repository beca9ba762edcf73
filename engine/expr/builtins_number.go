package expr

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func numberFunctions() []function {
	numeric := param{"value", kinds(Number, String)}
	ordered := param{"value", kinds(Number, String, Time, Duration, Version, List)}
	return []function{
		{name: "len", params: []param{{"value", kinds(String, List, Object)}}, result: Number, run: length},
		{name: "abs", params: []param{{"number", kinds(Number, Duration)}}, run: abs},
		{name: "ceil", params: []param{numberParam}, result: Number, run: rounding(math.Ceil)},
		{name: "floor", params: []param{numberParam}, result: Number, run: rounding(math.Floor)},
		{name: "round", params: []param{numberParam}, result: Number, run: rounding(math.Round)},
		{name: "int", params: []param{numeric}, result: Number, run: toInt},
		{name: "float", params: []param{numeric}, result: Number, run: toFloat},
		{name: "min", params: []param{ordered}, variadic: true, run: extreme("min", -1)},
		{name: "max", params: []param{ordered}, variadic: true, run: extreme("max", 1)},
		{name: "first", params: []param{listParam}, run: func(_ *evaluation, args []any) (any, error) {
			return member(args[0], 0), nil
		}},
		{name: "last", params: []param{listParam}, run: func(_ *evaluation, args []any) (any, error) {
			return member(args[0], -1), nil
		}},
		{name: "noise", random: true, result: Number, run: func(ev *evaluation, _ []any) (any, error) {
			if ev.env.Noise == nil {
				return nil, faultf("there is no noise() here")
			}
			return ev.env.Noise(), nil
		}},
	}
}

// length counts the characters of a text, the items of a list, the members of an object.
func length(ev *evaluation, args []any) (any, error) {
	switch value := args[0].(type) {
	case string:
		return float64(utf8.RuneCountInString(value)), ev.scan(value)
	case []any:
		return float64(len(value)), nil
	case map[string]any:
		return float64(len(value)), nil
	}
	return nil, wrong(0, args[0], "nothing can be counted in %s")
}

func abs(_ *evaluation, args []any) (any, error) {
	if d, ok := args[0].(time.Duration); ok {
		return d.Abs(), nil
	}
	return math.Abs(number(args[0])), nil
}

func rounding(round func(float64) float64) func(*evaluation, []any) (any, error) {
	return func(_ *evaluation, args []any) (any, error) { return round(number(args[0])), nil }
}

func toInt(_ *evaluation, args []any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		return math.Trunc(number(args[0])), nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return nil, wrong(0, args[0], "int needs a text that is a whole number, not %s")
	}
	return float64(n), nil
}

func toFloat(_ *evaluation, args []any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		return number(args[0]), nil
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || strings.ContainsAny(text, "xX_") {
		return nil, wrong(0, args[0], "float needs a text that is a number, not %s")
	}
	return n, nil
}

// extreme is min (sign -1) or max (sign 1) of values, or of the items of one list.
func extreme(name string, sign int) func(*evaluation, []any) (any, error) {
	return func(ev *evaluation, args []any) (any, error) {
		values := args
		if list, ok := args[0].([]any); ok && len(args) == 1 {
			values = list
		}
		if len(values) == 0 {
			return nil, missing(0)
		}
		best := values[0]
		for _, value := range values {
			if err := ev.spend(workPerItem); err != nil {
				return nil, err
			}
			c, err := compare(value, best)
			if err != nil {
				return nil, faultf("%s needs values of one kind, all of them there: %s and %s do not compare",
					name, valueWord(best), valueWord(value))
			}
			if c*sign > 0 {
				best = value
			}
		}
		return best, nil
	}
}

// sumOf adds numbers or durations; of none it is 0.
func sumOf(ev *evaluation, list []any) (any, error) {
	var total any = 0.0
	for i, item := range list {
		if kind := kindOf(item); kind != Number && kind != Duration {
			return nil, faultf("sum needs numbers or durations, but item %d is %s", i, valueWord(item))
		}
		if i == 0 {
			total = item
			continue
		}
		next, err := ev.arithmetic("+", total, item)
		if err != nil {
			return nil, faultf("sum cannot add %s and %s", valueWord(total), valueWord(item))
		}
		total = next
	}
	return total, ev.spend(len(list) * workPerItem)
}

// countTrue is count(list) without a predicate: how many items are true.
func countTrue(ev *evaluation, list []any) (any, error) {
	n := 0
	for i, item := range list {
		yes, ok := item.(bool)
		if !ok {
			return nil, faultf("count(list) counts what is true, but item %d is %s; use len(list)", i, valueWord(item))
		}
		if yes {
			n++
		}
	}
	return float64(n), ev.spend(len(list) * workPerItem)
}
