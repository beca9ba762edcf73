package query

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"testing"
)

// tree is a Tree made of a map.
type tree struct{ Map }

func (t tree) Members() iter.Seq2[string, any] { return maps.All(t.Map) }

func treeOf(m map[string]any) tree {
	t := tree{Map{}}
	for key, v := range m {
		if inner, ok := v.(map[string]any); ok {
			v = treeOf(inner)
		}
		t.Map[key] = v
	}
	return t
}

// checkMarks makes sure that no document is lost by looking at its marks first.
func checkMarks(t testing.TB, q *Query) {
	t.Helper()
	for doc := range fleet() {
		tags, _ := doc.Member("tags")
		object, _ := tags.(map[string]any)
		if q.Match(doc) && !q.MayMatch(MarksOf(treeOf(object))) {
			t.Errorf("%s: the marks of %v say no, and it matches", q, tags)
		}
	}
}

// Marks tell most devices apart, by the values of their tags and by where those stand.
func TestMarksTellApart(t *testing.T) {
	for _, test := range []struct {
		condition string
		most      int // of the 1,000 devices below that may match
	}{
		{"tags.serial = 's-7'", 60},
		{"'s-7' = tags.serial", 60},
		{"tags.serial IN ['s-7', 's-8', 7]", 180},
		{"tags['place'].floor = 3 AND tags.serial != 's-1'", 200},
		{"tags.serial = 's-7' OR tags.serial = 's-8'", 120},
		{"tags.on = true", 550},
		{"tags.zero = -0", 1000},
		{"tags.serial = 's-7' AND tags.place.floor = 1", 5},

		{"tags.serial > 's-7'", 1000},
		{"NOT tags.serial = 's-7'", 1000},
		{"tags.serial NIN ['s-7']", 1000},
		{"tags.serial = 's-7' OR status = 'enabled'", 1000},
		{"tags.place = null", 1000},
		{"deviceId = 'd'", 1000},
	} {
		q, err := ParseCondition(test.condition, Options{})
		if err != nil {
			t.Fatal(err)
		}
		may := 0
		for i := range 1000 {
			tags := map[string]any{
				"serial": fmt.Sprintf("s-%d", i), "on": i%2 == 0, "zero": 0.0,
				"place": map[string]any{"floor": float64(i % 10), "floors": "s-7", "list": []any{"s-7"}},
			}
			doc := Map{"tags": tags, "deviceId": "d", "status": "enabled"}
			if q.MayMatch(MarksOf(treeOf(tags))) {
				may++
			} else if q.Match(doc) {
				t.Errorf("%s loses %v", test.condition, tags)
			}
		}
		if may > test.most || test.most == 1000 && may < 1000 {
			t.Errorf("%s may match %d of 1,000, want %d at most", test.condition, may, test.most)
		}
	}
}

func TestMarksOfNothing(t *testing.T) {
	q, err := ParseCondition("tags.a = 0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !q.MayMatch(0) {
		t.Error("marks that were not computed say no")
	}
	if q.MayMatch(MarksOf(tree{})) {
		t.Error("no tags at all may match")
	}
	if !q.MayMatch(MarksOf(tree{Map{"a": math.Copysign(0, -1)}})) {
		t.Error("-0 is not 0")
	}
}
