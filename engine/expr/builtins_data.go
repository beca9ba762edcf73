package expr

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

func dataFunctions() []function {
	return []function{
		{name: "diff", params: []param{{"before", 0}, {"after", 0}}, result: List, run: diff},
		{name: "toJSON", params: []param{{"value", 0}}, result: String, run: toJSONText},
		{name: "fromJSON", params: []param{textParam}, literal: func(_ int, text string) error {
			var value any
			if err := json.Unmarshal([]byte(text), &value); err != nil {
				return fmt.Errorf("%q is not JSON", Shorten(text, 40))
			}
			return nil
		}, run: fromJSON},
		{name: "semver", params: []param{textParam}, result: Version,
			literal: func(_ int, text string) error { _, err := parseVersion(text); return err },
			run: func(_ *evaluation, args []any) (any, error) {
				v, err := parseVersion(args[0].(string))
				if err != nil {
					return nil, faultf("%v", err)
				}
				return v, nil
			}},
	}
}

// diff lists what differs between two values: objects with path, before and after; names in
// alphabetical order, items in theirs. The path of the values themselves is "".
func diff(ev *evaluation, args []any) (any, error) {
	changes := []any{}
	err := ev.diffAt("", args[0], args[1], 0, &changes)
	return changes, err
}

func (ev *evaluation) diffAt(path string, before, after any, depth int, changes *[]any) error {
	if depth > maxDepth {
		return tooDeep()
	}
	if err := ev.grow(len(path)); err != nil {
		return err
	}
	if a, ok := before.(map[string]any); ok {
		if b, ok := after.(map[string]any); ok {
			return ev.diffObjects(path, a, b, depth, changes)
		}
	}
	if a, ok := before.([]any); ok {
		if b, ok := after.([]any); ok {
			return ev.diffLists(path, a, b, depth, changes)
		}
	}
	same, err := ev.equal(before, after, depth)
	if !same {
		*changes = append(*changes, map[string]any{"path": path, "before": before, "after": after})
	}
	return err
}

func (ev *evaluation) diffObjects(path string, a, b map[string]any, depth int, changes *[]any) error {
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	if err := ev.spend(len(names) * workPerItem); err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := ev.diffAt(JoinPath(path, name), a[name], b[name], depth+1, changes); err != nil {
			return err
		}
	}
	return nil
}

func (ev *evaluation) diffLists(path string, a, b []any, depth int, changes *[]any) error {
	for i := range max(len(a), len(b)) {
		if err := ev.spend(workPerItem); err != nil {
			return err
		}
		if err := ev.diffAt(fmt.Sprintf("%s[%d]", path, i), member(a, i), member(b, i), depth+1, changes); err != nil {
			return err
		}
	}
	return nil
}

// toJSONText is a value on one line, names in alphabetical order.
func toJSONText(ev *evaluation, args []any) (any, error) {
	if err := ev.measure(args[0], 0); err != nil {
		return nil, err
	}
	value, err := ToJSON(args[0])
	if err != nil {
		return nil, faultf("toJSON: %v", err)
	}
	text := CompactJSON(value)
	return text, ev.grow(len(text))
}

func fromJSON(ev *evaluation, args []any) (any, error) {
	text := args[0].(string)
	if err := ev.grow(len(text)); err != nil {
		return nil, err
	}
	if err := ev.spend(len(text) * workPerItem); err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return nil, wrong(0, text, "fromJSON needs a text that is JSON, not %s")
	}
	return value, ev.measure(value, 0)
}
