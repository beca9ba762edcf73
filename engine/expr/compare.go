package expr

import (
	"strings"
	"time"
)

// The operators, as the running pass calls them in place of expr's own: nil is "missing" and never
// a Go error, numbers compare by value, and nothing but a boolean is true or false.

// equal compares by value and deeply; values of different kinds are never equal.
func (ev *evaluation) equal(a, b any, depth int) (bool, error) {
	if kindOf(a) != kindOf(b) {
		return false, nil
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false, nil
		}
		return ev.equalObjects(a, b, depth)
	case []any:
		b := b.([]any)
		if len(a) != len(b) {
			return false, nil
		}
		return ev.equalLists(a, b, depth)
	case Getter:
		return false, nil
	case time.Time:
		return a.Equal(b.(time.Time)), nil
	case version:
		return a.compare(b.(version)) == 0, nil
	case string:
		return a == b.(string), ev.scan(a)
	case float64, int, int64:
		return number(a) == number(b), nil
	}
	return a == b, nil
}

func (ev *evaluation) equalObjects(a, b map[string]any, depth int) (bool, error) {
	if depth > maxDepth {
		return false, tooDeep()
	}
	for name, x := range a {
		y, ok := b[name]
		if !ok {
			return false, nil
		}
		if err := ev.spend(workPerItem); err != nil {
			return false, err
		}
		if same, err := ev.equal(x, y, depth+1); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (ev *evaluation) equalLists(a, b []any, depth int) (bool, error) {
	if depth > maxDepth {
		return false, tooDeep()
	}
	for i := range a {
		if err := ev.spend(workPerItem); err != nil {
			return false, err
		}
		if same, err := ev.equal(a[i], b[i], depth+1); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// compare orders two values of one kind: -1, 0 or 1.
func compare(a, b any) (int, error) {
	switch {
	case a == nil:
		return 0, missing(0)
	case b == nil:
		return 0, missing(1)
	}
	if kindOf(a) == kindOf(b) {
		switch a := a.(type) {
		case float64, int, int64:
			return order(number(a), number(b)), nil
		case string:
			return strings.Compare(a, b.(string)), nil
		case time.Time:
			return a.Compare(b.(time.Time)), nil
		case time.Duration:
			return order(a, b.(time.Duration)), nil
		case version:
			return a.compare(b.(version)), nil
		}
	}
	return 0, clash("cannot compare %s with %s"+compareHint(kindOf(a), kindOf(b)), a, b)
}

func order[T float64 | time.Duration](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareHint names the function that a text needs to become comparable.
func compareHint(a, b Kind) string {
	if a != String {
		a, b = b, a
	}
	if a != String {
		return ""
	}
	switch b {
	case Time:
		return "; write time(…) around the text"
	case Duration:
		return "; write duration(…) around the text"
	case Version:
		return "; write semver(…) around the text"
	case Number:
		return "; write float(…) around the text if it holds a number"
	}
	return ""
}

// less and its kin are < > <= >=; NaN cannot come in, so each is the opposite of another.
func less(a, b any) (any, error)    { c, err := compare(a, b); return c < 0, err }
func more(a, b any) (any, error)    { c, err := compare(a, b); return c > 0, err }
func atMost(a, b any) (any, error)  { c, err := compare(a, b); return c <= 0, err }
func atLeast(a, b any) (any, error) { c, err := compare(a, b); return c >= 0, err }

// contains is `a in b`: an item of a list, or the name of an object's member.
func (ev *evaluation) contains(a, b any) (any, error) {
	switch {
	case a == nil:
		return nil, missing(0)
	case b == nil:
		return nil, missing(1)
	}
	switch list := b.(type) {
	case []any:
		for _, item := range list {
			if err := ev.spend(workPerItem); err != nil {
				return nil, err
			}
			if same, err := ev.equal(a, item, 0); same || err != nil {
				return same, err
			}
		}
		return false, nil
	case map[string]any:
		name, ok := a.(string)
		if !ok {
			return nil, wrong(0, a, "the name of a member is a text, not %s")
		}
		_, found := list[name]
		return found, nil
	}
	return nil, wrong(1, b, "`in` needs a list or an object on its right, not %s")
}

// truth is the operand of and, or, not and ?:, and what a predicate gives.
func truth(value any) (any, error) {
	switch value.(type) {
	case bool:
		return value, nil
	case nil:
		return nil, missing(itself)
	}
	return nil, wrong(itself, value, "a condition must be true or false, not %s")
}
