package expr

import (
	"math"
	"time"
)

// arithmetic is + - * / % ** on numbers, + on texts, + and - with times and durations.
func (ev *evaluation) arithmetic(operator string, a, b any) (any, error) {
	switch {
	case a == nil:
		return nil, missing(0)
	case b == nil:
		return nil, missing(1)
	}
	switch ka, kb := kindOf(a), kindOf(b); {
	case ka == Number && kb == Number:
		return calculate(operator, number(a), number(b))
	case ka == String && kb == String && operator == "+":
		text, more := a.(string), b.(string)
		return text + more, ev.grow(len(text) + len(more))
	case ka == Time || kb == Time || ka == Duration || kb == Duration:
		if value, done, err := timeArithmetic(operator, a, b); done {
			return value, err
		}
	}
	return nil, clash("cannot calculate %s "+escapePercent(operator)+" %s", a, b)
}

func calculate(operator string, a, b float64) (any, error) {
	var n float64
	switch operator {
	case "+":
		n = a + b
	case "-":
		n = a - b
	case "*":
		n = a * b
	case "/":
		if b == 0 {
			return nil, wrong(1, b, "division by zero: the divisor is %s")
		}
		n = a / b
	case "%":
		return remainder(a, b)
	case "**", "^":
		n = math.Pow(a, b)
	}
	return finite(n)
}

func finite(n float64) (any, error) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return nil, faultf("the result is no finite number")
	}
	return n, nil
}

// remainder takes whole numbers only, as floats, which is how JSON has them.
func remainder(a, b float64) (any, error) {
	switch {
	case a != math.Trunc(a):
		return nil, wrong(0, a, "%% takes whole numbers, not %s")
	case b != math.Trunc(b):
		return nil, wrong(1, b, "%% takes whole numbers, not %s")
	case b == 0:
		return nil, wrong(1, b, "division by zero: the divisor is %s")
	}
	return math.Mod(a, b), nil
}

// timeArithmetic says with done whether the operator means anything for these two.
func timeArithmetic(operator string, a, b any) (value any, done bool, err error) {
	switch x := a.(type) {
	case time.Time:
		switch y := b.(type) {
		case time.Duration:
			value, done, err = shiftTime(operator, x, y)
		case time.Time:
			if operator == "-" {
				return timeBetween(x, y)
			}
		}
	case time.Duration:
		switch y := b.(type) {
		case time.Time:
			if operator == "+" {
				return shiftTime(operator, y, x)
			}
		case time.Duration:
			value, done, err = durationArithmetic(operator, x, y)
		default:
			if operator == "*" || operator == "/" {
				value, done, err = scaleDuration(operator, x, y)
			}
		}
	default:
		if y, ok := b.(time.Duration); ok && operator == "*" {
			return scaleDuration(operator, y, a)
		}
	}
	return value, done, err
}

func shiftTime(operator string, t time.Time, d time.Duration) (any, bool, error) {
	switch operator {
	case "+":
	case "-":
		d = -d
	default:
		return nil, false, nil
	}
	sum := t.Add(d)
	if y := sum.UTC().Year(); y < 0 || y > 9999 {
		return nil, true, faultf("the result is a time outside the years 0 to 9999")
	}
	return sum, true, nil
}

func timeBetween(a, b time.Time) (any, bool, error) {
	d := a.Sub(b)
	if d == math.MaxInt64 || d == math.MinInt64 {
		return nil, true, faultf("the two times are more than 292 years apart, which no duration can hold")
	}
	return d, true, nil
}

func durationArithmetic(operator string, a, b time.Duration) (any, bool, error) {
	switch operator {
	case "+":
		value, err := durationOf(float64(a)+float64(b), a+b)
		return value, true, err
	case "-":
		value, err := durationOf(float64(a)-float64(b), a-b)
		return value, true, err
	case "/":
		value, err := calculate("/", float64(a), float64(b))
		return value, true, err
	}
	return nil, false, nil
}

func scaleDuration(operator string, d time.Duration, by any) (any, bool, error) {
	if kindOf(by) != Number {
		return nil, false, nil
	}
	n, err := calculate(operator, float64(d), number(by))
	if err != nil {
		return nil, true, err
	}
	value, err := durationOf(n.(float64), time.Duration(n.(float64)))
	return value, true, err
}

// durationOf is exact unless the rough value shows that it cannot be.
func durationOf(rough float64, exact time.Duration) (any, error) {
	if math.Abs(rough) >= math.MaxInt64 {
		return nil, faultf("the result is longer than 292 years, which no duration can hold")
	}
	return exact, nil
}

// negate is -x and, with plus, +x.
func negate(operator string, value any) (any, error) {
	switch kindOf(value) {
	case nilKind:
		return nil, missing(0)
	case Number:
		if operator == "-" {
			return -number(value), nil
		}
		return value, nil
	case Duration:
		if operator == "-" {
			return -value.(time.Duration), nil
		}
		return value, nil
	}
	return nil, wrong(0, value, "only a number or a duration has a sign, not %s")
}

// slice is list[from:to] or text[from:to], which counts characters; what lies outside is cut off.
func (ev *evaluation) slice(value, from, to any) (any, error) {
	if value == nil {
		return nil, missing(0)
	}
	for i, end := range []any{from, to} {
		if end == nil {
			return nil, missing(i + 1)
		}
		if _, ok := wholeNumber(end); !ok {
			return nil, wrong(i+1, end, "the ends of a slice are whole numbers, not %s")
		}
	}
	switch value := value.(type) {
	case string:
		runes := []rune(value)
		a, b := sliceEnds(len(runes), from, to)
		return string(runes[a:b]), ev.grow(len(value))
	case []any:
		a, b := sliceEnds(len(value), from, to)
		return value[a:b:b], nil
	}
	return nil, wrong(0, value, "only a list or a text can be sliced, not %s")
}

func sliceEnds(length int, from, to any) (a, b int) {
	ends := [2]int{}
	for i, end := range []any{from, to} {
		n, _ := wholeNumber(end)
		if n < 0 {
			n += length
		}
		ends[i] = min(max(n, 0), length)
	}
	return min(ends[0], ends[1]), ends[1]
}

// numbers is from..to, both included.
func (ev *evaluation) numbers(from, to any) (any, error) {
	var ends [2]int
	for i, end := range []any{from, to} {
		if end == nil {
			return nil, missing(i)
		}
		n, ok := wholeNumber(end)
		if !ok {
			return nil, wrong(i, end, "the ends of a range are whole numbers, not %s")
		}
		ends[i] = n
	}
	size := max(ends[1]-ends[0]+1, 0)
	if size > maxListItems {
		return nil, faultf("the range has more than %d numbers", maxListItems)
	}
	if err := ev.spend(size * workPerItem); err != nil {
		return nil, err
	}
	list := make([]any, size)
	for i := range list {
		list[i] = float64(ends[0] + i)
	}
	return list, nil
}
