package cron

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A fieldKind is what one of the five fields may hold.
type fieldKind struct {
	name     string
	min, max int
	names    []string // of the values from min on; none: they are numbers
	day      bool     // it may be ?, as some write * for a day
}

var fieldKinds = [5]fieldKind{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of month", min: 1, max: 31, day: true},
	{name: "month", min: 1, max: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{name: "day of week", max: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, day: true},
}

// check holds a field against all that the library reads otherwise than its writer may have meant, and gives it as the
// library reads it right: Sunday is 0.
func (k *fieldKind) check(field string) (string, *Error) {
	items := strings.Split(field, ",")
	for i, item := range items {
		plain, e := k.checkItem(item)
		if e != nil {
			if !strings.Contains(e.Fault, k.name) {
				e.Fault = fmt.Sprintf("in %s %q: %s", k.name, field, e.Fault)
			}
			return "", e
		}
		items[i] = plain
	}
	if len(items) > 1 && slices.ContainsFunc(items, func(i string) bool { return i == "*" || i == "?" }) {
		return "", &Error{Fault: fmt.Sprintf("in %s %q: a list has * in it, which is all of them", k.name, field), Instead: "write * alone, or the list without it"}
	}
	return strings.Join(items, ","), nil
}

// checkItem is check for one item of a list: a value, a range or *, with or without a step.
func (k *fieldKind) checkItem(item string) (string, *Error) {
	base, step, hasStep := strings.Cut(item, "/")
	if item == "" {
		return "", fault("an item of the list is empty", "write a value after each comma")
	}
	low, high, e := k.bounds(base, hasStep)
	if e != nil {
		return "", e
	}
	if hasStep {
		if e := k.checkStep(step, low, high); e != nil {
			return "", e
		}
	}
	if base == "*" || base == "?" {
		return item, nil
	}
	if high == 7 && k.max == 7 {
		return withSunday(low, high, step), nil
	}
	text := strconv.Itoa(low)
	if high != low {
		text += "-" + strconv.Itoa(high)
	}
	if hasStep {
		text += "/" + step
	}
	return text, nil
}

// bounds are the first and the last value that the part of an item before its step stands for.
func (k *fieldKind) bounds(base string, hasStep bool) (low, high int, e *Error) {
	if base == "*" || base == "?" && k.day {
		return k.min, k.last(), nil
	}
	first, last, isRange := strings.Cut(base, "-")
	if low, e = k.value(first); e != nil {
		return 0, 0, e
	}
	switch {
	case !isRange && hasStep:
		return low, max(low, k.last()), nil
	case !isRange:
		return low, low, nil
	}
	if high, e = k.value(last); e != nil {
		return 0, 0, e
	}
	if high == 0 && low > 0 && k.max == 7 { // such as FRI-SUN
		high = 7
	}
	if low > high {
		instead := fmt.Sprintf("write %s-%s,%s-%s", first, k.word(k.last(), first), k.word(k.min, first), last)
		return 0, 0, fault(fmt.Sprintf("the range %s goes backwards", base), instead)
	}
	return low, high, nil
}

// last is the highest value that * stands for.
func (k *fieldKind) last() int {
	if k.max == 7 {
		return 6 // 7 is Sunday, and so is 0
	}
	return k.max
}

// word is a value, written as the one beside it is.
func (k *fieldKind) word(value int, beside string) string {
	if beside[0] <= '9' {
		return strconv.Itoa(value)
	}
	return k.names[value-k.min]
}

// value is a number or a name.
func (k *fieldKind) value(text string) (int, *Error) {
	if i := slices.Index(k.names, strings.ToUpper(text)); i >= 0 {
		return k.min + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || text[0] == '+' || text[0] == '-' {
		return 0, k.noValue(text)
	}
	if n < k.min || n > k.max {
		instead := fmt.Sprintf("write one from %d to %d", k.min, k.max)
		if k.name == "hour" && n == 24 {
			instead = "write 0, which is midnight"
		}
		return 0, fault(fmt.Sprintf("there is no %s %s", k.name, text), instead)
	}
	return n, nil
}

// noValue says what to write instead of a text that is no value.
func (k *fieldKind) noValue(text string) *Error {
	upper := strings.ToUpper(text)
	switch {
	case text == "":
		return fault("a value is missing", k.values())
	case text == "?":
		return fault("? stands for a day alone", "write *")
	case k.day && (upper == "L" || strings.HasSuffix(upper, "L") && k.name == "day of week"):
		return fault("L, for the last, is not known here", "write days that each month has, such as 28 in day of month")
	case k.name == "day of month" && (strings.HasSuffix(upper, "W") || strings.HasPrefix(upper, "L-")):
		return fault("W, for the nearest working day, is not known here", "write MON-FRI in day of week")
	case strings.Contains(text, "#"):
		return fault("#, for one of a month's weeks, is not known here", "write the day of week alone, and let an if in the workflow ask for the day of month")
	case strings.HasPrefix(upper, "H"):
		return fault("H, for a value by chance, is not known here", "write a value, and jitter: beside cron: to spread runs")
	case len(upper) > 3 && slices.Contains(k.names, upper[:3]):
		return fault(fmt.Sprintf("%q is not known", text), "write "+upper[:3])
	}
	return fault(fmt.Sprintf("%q is no value", text), k.values())
}

// values says what a field may hold.
func (k *fieldKind) values() string {
	text := fmt.Sprintf("write * or values from %d to %d", k.min, k.max)
	if k.names != nil {
		text += fmt.Sprintf(" or %s to %s", k.names[0], k.names[len(k.names)-1])
	}
	return text + ", as in 1,5 or 1-5 or */2"
}

// checkStep refuses steps that meet one value only: whoever wrote them meant something else.
func (k *fieldKind) checkStep(step string, low, high int) *Error {
	n, err := strconv.Atoi(step)
	switch {
	case err != nil || step[0] == '+' || step[0] == '-':
		return fault(fmt.Sprintf("the step %q is no number", step), "write one after the slash, as in */15")
	case n == 0:
		return fault("the step is 0", "write at least 1 after the slash")
	case n > high-low:
		return fault(fmt.Sprintf("the step %s leads beyond %d, so that only %d is left", step, high, low), fmt.Sprintf("write %d, or a shorter step", low))
	}
	return nil
}

// withSunday writes out a range of days that ends with 7, which is Sunday.
func withSunday(low, high int, step string) string {
	by, _ := strconv.Atoi(step) // empty: each of them
	var days []string
	for day := low; day <= high; day += max(by, 1) {
		days = append(days, strconv.Itoa(day%7))
	}
	return strings.Join(days, ",")
}

func fault(what, instead string) *Error { return &Error{Fault: what, Instead: instead} }
