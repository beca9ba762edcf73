package expr

import (
	"math"
	"time"
)

// kindOf is the kind of a value while a run is under way; Any is no value of ours.
func kindOf(value any) Kind {
	switch value.(type) {
	case nil:
		return nilKind
	case bool:
		return Bool
	case float64, int, int64:
		return Number
	case string:
		return String
	case time.Time:
		return Time
	case time.Duration:
		return Duration
	case map[string]any, Getter:
		return Object
	case []any:
		return List
	case version:
		return Version
	}
	return Any
}

// number is a value of kind Number as float64, what all numbers are in JSON.
func number(value any) float64 {
	switch value := value.(type) {
	case float64:
		return value
	case int:
		return float64(value)
	case int64:
		return float64(value)
	}
	return math.NaN()
}

// member is base.key or base[key]. What is not there is nil.
func member(base, key any) any {
	switch base := base.(type) {
	case map[string]any:
		if name, ok := key.(string); ok {
			return base[name]
		}
	case Getter:
		if name, ok := key.(string); ok {
			return base.Get(name)
		}
	case []any:
		if i, ok := wholeNumber(key); ok {
			if i < 0 {
				i += len(base)
			}
			if i >= 0 && i < len(base) {
				return base[i]
			}
		}
	}
	return nil
}

// wholeNumber is a number without a fraction that an int can hold.
func wholeNumber(value any) (int, bool) {
	if kindOf(value) != Number {
		return 0, false
	}
	n := number(value)
	if n != math.Trunc(n) || math.Abs(n) > 1<<53 {
		return 0, false
	}
	return int(n), true
}

// memberFound is member, and whether there is one: a JSON null is.
func memberFound(base, key any) (any, bool) {
	value := member(base, key)
	if value != nil {
		return value, true
	}
	switch base := base.(type) {
	case map[string]any:
		name, _ := key.(string)
		_, found := base[name]
		return nil, found
	case []any:
		i, ok := wholeNumber(key)
		return nil, ok && i < len(base) && i >= -len(base)
	}
	return nil, false
}
