package query

import (
	"fmt"
	"testing"
)

// twin is a document as a hub keeps it, with members of its own instead of a map.
type twin struct {
	id, status     string
	tags, reported map[string]any
}

func (t *twin) Member(name string) (any, bool) {
	switch name {
	case "deviceId":
		return t.id, true
	case "status":
		return t.status, true
	case "tags":
		return t.tags, true
	case "properties":
		return (*properties)(t), true
	}
	return nil, false
}

type properties twin

func (p *properties) Member(name string) (any, bool) { return p.reported, name == "reported" }

// benchmarkMatch looks at 100,000 twins in one operation.
func benchmarkMatch(b *testing.B, condition string) {
	docs := make([]Object, 100_000)
	for i := range docs {
		docs[i] = &twin{
			id:       fmt.Sprintf("dev-%d", i),
			status:   "enabled",
			tags:     map[string]any{"site": fmt.Sprintf("site-%d", i%10), "floor": float64(i % 7)},
			reported: map[string]any{"battery": float64(i % 100)},
		}
	}
	q, err := ParseCondition(condition, Options{Superset: true})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		found := 0
		for _, doc := range docs {
			if q.Match(doc) {
				found++
			}
		}
		if found == 0 {
			b.Fatal("nothing matches")
		}
	}
}

func BenchmarkMatchTag(b *testing.B) { benchmarkMatch(b, "tags.site = 'site-3'") }

func BenchmarkMatchLong(b *testing.B) {
	benchmarkMatch(b, "status = 'enabled' AND tags.site IN ['site-1', 'site-2', 'site-3'] AND "+
		"(properties.reported.battery < 20 OR NOT IS_DEFINED(tags.floor)) AND STARTSWITH(deviceId, 'dev-')")
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("SELECT deviceId FROM devices WHERE tags.site = 'a' AND properties.reported.battery < 20", Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
