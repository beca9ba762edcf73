package engine

import (
	"fmt"
	"math"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// accept holds a JSON value against the field's kind and returns it as the journal keeps it:
// durations and times as text, whole numbers as numbers.
func (f *Field) accept(value any) (any, error) {
	switch f.Kind {
	case KindText, KindQuery, KindURL:
		return f.acceptText(value)
	case KindInt, KindNumber:
		return f.acceptNumber(value)
	case KindBool:
		if _, ok := value.(bool); !ok {
			return nil, fmt.Errorf("expected true or false, got %s", expr.Describe(value))
		}
	case KindDuration:
		return f.acceptDuration(value)
	case KindTime:
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("expected a time, got %s", expr.Describe(value))
		}
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return nil, fmt.Errorf("expected a time like 2026-03-01T02:30:00Z, got %s", expr.Describe(value))
		}
	case KindObject:
		if _, ok := value.(map[string]any); !ok {
			return nil, fmt.Errorf("expected an object, got %s", expr.Describe(value))
		}
	case KindTextMap:
		return acceptTextMap(value)
	case KindTextList:
		return acceptTextList(value)
	}
	return value, nil
}

func (f *Field) acceptText(value any) (any, error) {
	if masked, ok := value.(Masked); ok {
		return masked, nil
	}
	text, ok := scalarText(value)
	if !ok {
		return nil, fmt.Errorf("expected text, got %s", expr.Describe(value))
	}
	if len(f.OneOf) > 0 {
		for _, allowed := range f.OneOf {
			if text == allowed {
				return text, nil
			}
		}
		return nil, fmt.Errorf("expected %s, got %q", expr.OrList(f.OneOf), expr.Shorten(text, 40))
	}
	return text, nil
}

func (f *Field) acceptNumber(value any) (any, error) {
	n, ok := value.(float64)
	if !ok {
		return nil, fmt.Errorf("expected a number, got %s", expr.Describe(value))
	}
	if f.Kind == KindInt && n != math.Trunc(n) {
		return nil, fmt.Errorf("expected a whole number, got %v", n)
	}
	if f.Min != nil && n < *f.Min {
		return nil, fmt.Errorf("%s is less than %s, the least allowed", expr.CompactJSON(n), expr.CompactJSON(*f.Min))
	}
	if f.Max != nil && n > *f.Max {
		return nil, fmt.Errorf("%s is more than %s, the most allowed", expr.CompactJSON(n), expr.CompactJSON(*f.Max))
	}
	return n, nil
}

func (f *Field) acceptDuration(value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return nil, fmt.Errorf("expected a duration like 60s, got %s", expr.Describe(value))
	}
	d, err := expr.ParseDuration(text)
	if err != nil {
		return nil, err
	}
	if f.Min != nil && d.Seconds() < *f.Min {
		return nil, fmt.Errorf("%s is shorter than %s, the least allowed", text, secondsText(*f.Min))
	}
	if f.Max != nil && d.Seconds() > *f.Max {
		return nil, fmt.Errorf("%s is longer than %s, the most allowed", text, secondsText(*f.Max))
	}
	return text, nil
}

func secondsText(n float64) string {
	return expr.FormatDuration(time.Duration(n * float64(time.Second)))
}

func acceptTextMap(value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("expected an object of texts, got %s", expr.Describe(value))
	}
	out := make(map[string]any, len(object))
	for k, v := range object {
		if _, masked := v.(Masked); masked {
			out[k] = v
			continue
		}
		text, ok := scalarText(v)
		if !ok {
			return nil, fmt.Errorf("%s: expected text, got %s", k, expr.Describe(v))
		}
		out[k] = text
	}
	return out, nil
}

func acceptTextList(value any) (any, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("expected a list of texts, got %s", expr.Describe(value))
	}
	out := make([]any, len(list))
	for i, v := range list {
		text, ok := scalarText(v)
		if !ok {
			return nil, fmt.Errorf("[%d]: expected text, got %s", i, expr.Describe(v))
		}
		out[i] = text
	}
	return out, nil
}
