package engine

import (
	"fmt"
	"reflect"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// into fills a parameter struct; target points to it.
func (r resolved) into(target any, fields []Field) error {
	v := reflect.ValueOf(target).Elem()
	for i := range fields {
		f := &fields[i]
		if f.index < 0 {
			continue // the planner's own
		}
		to := v.Field(f.index)
		switch f.Kind {
		case KindCond:
			if bound := r.conds[f.Name]; bound != nil {
				to.Set(reflect.ValueOf(bound))
			}
		case KindChecks:
			to.Set(reflect.ValueOf(r.checks))
		case KindNames:
			to.Set(reflect.ValueOf(r.values))
		default:
			value, ok := r.values[f.Name]
			if !ok && f.Default == "" {
				continue
			}
			if !ok {
				value = f.defaultValue()
			}
			if err := fill(to, f, value); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	return nil
}

// defaultValue is the default tag as the JSON that accept would give.
func (f *Field) defaultValue() any {
	switch f.Kind {
	case KindInt, KindNumber:
		return *bound(f.Default)
	case KindBool:
		return f.Default == "true"
	}
	return f.Default
}

func fill(to reflect.Value, f *Field, value any) error {
	switch f.Kind {
	case KindText, KindQuery, KindURL:
		text, _ := value.(string)
		to.SetString(text)
	case KindInt:
		n, _ := value.(float64)
		to.SetInt(int64(n))
	case KindNumber:
		n, _ := value.(float64)
		to.SetFloat(n)
	case KindBool:
		b, _ := value.(bool)
		to.SetBool(b)
	case KindDuration:
		text, _ := value.(string)
		d, err := expr.ParseDuration(text)
		to.SetInt(int64(d))
		return err
	case KindTime:
		text, _ := value.(string)
		t, err := time.Parse(time.RFC3339, text)
		to.Set(reflect.ValueOf(t))
		return err
	case KindTextMap:
		out := map[string]string{}
		object, _ := value.(map[string]any)
		for k, v := range object {
			out[k], _ = v.(string)
		}
		to.Set(reflect.ValueOf(out))
	case KindTextList:
		list, _ := value.([]any)
		out := make([]string, len(list))
		for i, v := range list {
			out[i], _ = v.(string)
		}
		to.Set(reflect.ValueOf(out))
	default:
		if value != nil {
			to.Set(reflect.ValueOf(value))
		}
	}
	return nil
}
