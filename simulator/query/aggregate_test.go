package query

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

// Keys of groups must not run into each other, whatever the values hold.
func TestGroupKeys(t *testing.T) {
	for _, test := range []struct {
		name   string
		docs   []Object
		groups int
	}{
		{"text that looks like the border of a value", []Object{Map{"a": "x\x04", "b": "y"}, Map{"a": "x", "b": "\x04y"}}, 2},
		{"values swapped", []Object{Map{"a": "x", "b": "y"}, Map{"a": "y", "b": "x"}}, 2},
		{"missing in either place", []Object{Map{"a": 1.0}, Map{"b": 1.0}, Map{}}, 3},
		{"one is not true", []Object{Map{"a": 1.0}, Map{"a": true}, Map{"a": "1"}, Map{"a": false}, Map{"a": nil}}, 5},
		{"two zeros", []Object{Map{"a": 0.0}, Map{"a": math.Copysign(0, -1)}}, 1},
		{"objects", []Object{Map{"a": []any{}}, Map{"a": map[string]any{}}, Map{"a": Map{}}, Map{}}, 1},
	} {
		q, err := Parse("SELECT a, b FROM devices GROUP BY a, b", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Aggregate(slices.Values(test.docs)); len(got) != test.groups {
			t.Errorf("%s: got %d groups, want %d", test.name, len(got), test.groups)
		}
	}
}

func TestSumOutOfRange(t *testing.T) {
	q, err := Parse("SELECT SUM(a) AS sum, AVG(a) AS mean, MAX(a) AS high FROM devices", Options{})
	if err != nil {
		t.Fatal(err)
	}
	doc := Map{"a": math.MaxFloat64}
	got := q.Aggregate(slices.Values([]Object{doc, doc})).Row(0)
	if want := map[string]any{"high": math.MaxFloat64}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
