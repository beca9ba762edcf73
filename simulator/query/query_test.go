package query

import (
	"encoding/json"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, file := range []struct {
		name string
		opt  Options
	}{{"testdata/match.txt", Options{}}, {"testdata/superset.txt", Options{Superset: true}}} {
		for _, line := range lines(t, file.name) {
			condition, want, _ := strings.Cut(line, "=> ")
			condition, want = strings.TrimSuffix(condition, "=>"), strings.TrimSpace(want)
			q, err := ParseCondition(condition, file.opt)
			if err != nil {
				t.Errorf("%s: %v", condition, err)
				continue
			}
			if got := strings.Join(matching(q), " "); got != want {
				t.Errorf("%s selects [%s], want [%s]", condition, got, want)
			}
			checkRoundTrip(t, q, file.opt)
			checkDeviceIDs(t, q)
			checkMarks(t, q)
		}
	}
}

func TestRows(t *testing.T) {
	tests := 0
	for _, block := range blocks(t, "testdata/rows.txt") {
		text, want := block[0], block[1:]
		q, err := Parse(text, Options{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := rows(t, q)
		if !slices.Equal(got, want) {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		checkRoundTrip(t, q, Options{})
		tests++
	}
	if tests < 10 {
		t.Errorf("only %d queries were tried", tests)
	}
}

func TestQueryTellsWhatItReads(t *testing.T) {
	for _, test := range []struct {
		text       string
		from       Collection
		star       bool
		top        int
		aggregates bool
	}{
		{"SELECT * FROM devices", Devices, true, 0, false},
		{"select*from DEVICES . Modules", Modules, true, 0, false},
		{"SELECT TOP 10 * FROM devices.jobs WHERE devices.jobs.jobId = 'j'", Jobs, true, 10, false},
		{"SELECT deviceId FROM devices", Devices, false, 0, false},
		{"SELECT COUNT() AS n FROM devices", Devices, false, 0, true},
		{"SELECT status FROM devices.modules GROUP BY status", Modules, false, 0, true},
	} {
		q, err := Parse(test.text, Options{})
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if q.From != test.from || q.Star != test.star || q.Top != test.top || q.Aggregates() != test.aggregates {
			t.Errorf("%s: got %v star=%v top=%d aggregates=%v", test.text, q.From, q.Star, q.Top, q.Aggregates())
		}
		checkRoundTrip(t, q, Options{})
	}
}

func TestParseCondition(t *testing.T) {
	for text, want := range map[string]string{
		" * ":                      "SELECT * FROM devices",
		"deviceId IN ['a','b']":    "SELECT * FROM devices WHERE deviceId IN ['a', 'b']",
		"is_defined(deviceId)":     "SELECT * FROM devices WHERE IS_DEFINED(deviceId)",
		"FROM devices WHERE 1 = 1": "SELECT * FROM devices WHERE 1 = 1",
		"from devices.modules where devices.modules.moduleid = 'm'": "SELECT * FROM devices.modules WHERE moduleId = 'm'",
	} {
		q, err := ParseCondition(text, Options{})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if q.String() != want {
			t.Errorf("%q: got %s, want %s", text, q, want)
		}
	}
}

func TestJobRows(t *testing.T) {
	doc := Map{"jobId": "j1", "deviceId": "d1", "status": "completed",
		"outcome": map[string]any{"deviceMethodResponse": map[string]any{"status": 200.0}}}
	for text, want := range map[string]bool{
		"devices.jobs.jobId = 'j1'":                        true,
		"Devices.Jobs.JOBID = 'j1' AND deviceId = 'd1'":    true,
		"jobs.jobId = 'j1'":                                false,
		"devices.jobs.status = 'failed'":                   false,
		"outcome.deviceMethodResponse.status = 200":        true,
		"devices.jobs.createdTimeUtc > '2016-09-01'":       false,
		"NOT IS_DEFINED(devices.jobs.error.code) AND true": true,
	} {
		q, err := Parse("SELECT * FROM devices.jobs WHERE "+text, Options{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := q.Match(doc); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

// section is an object inside a document that knows its members without a map.
type section struct{ version float64 }

func (s section) Member(name string) (any, bool) {
	if name != "$version" {
		return nil, false
	}
	return s.version, true
}

func TestObjectsInsideDocuments(t *testing.T) {
	doc := Map{"properties": Map{"desired": section{7}}}
	q, err := Parse("SELECT properties.desired.$version AS v FROM devices WHERE properties.desired.$version = 7 "+
		"AND IS_OBJECT(properties.desired) AND NOT IS_DEFINED(properties.desired.x)", Options{Superset: true})
	if err != nil {
		t.Fatal(err)
	}
	if !q.Match(doc) {
		t.Error("the document does not match")
	}
	if got := q.Project(doc)["v"]; got != 7.0 {
		t.Errorf("v = %v, want 7", got)
	}
}

// fleet is the documents of testdata/fleet.json.
var fleet = sync.OnceValue(func() iter.Seq[Object] {
	data, err := os.ReadFile("testdata/fleet.json")
	if err != nil {
		panic(err)
	}
	var docs []Map
	if err := json.Unmarshal(data, &docs); err != nil {
		panic(err)
	}
	return func(yield func(Object) bool) {
		for _, doc := range docs {
			if !yield(doc) {
				return
			}
		}
	}
})

func matching(q *Query) []string {
	var ids []string
	for doc := range fleet() {
		if q.Match(doc) {
			id, _ := doc.Member("deviceId")
			ids = append(ids, id.(string))
		}
	}
	return ids
}

// rows runs a query that has columns, as a hub would.
func rows(t testing.TB, q *Query) []string {
	t.Helper()
	var all []map[string]any
	if q.Aggregates() {
		groups := q.Aggregate(fleet())
		for i := range groups {
			all = append(all, groups.Row(i))
		}
	} else {
		for doc := range fleet() {
			if q.Match(doc) && (q.Top == 0 || len(all) < q.Top) {
				all = append(all, q.Project(doc))
			}
		}
	}
	var texts []string
	for _, row := range all {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatalf("%s gives a row that is no JSON: %v", q, err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// checkRoundTrip parses what q says it is: the same text and the same answers must come out.
func checkRoundTrip(t testing.TB, q *Query, opt Options) {
	t.Helper()
	text := q.String()
	again, err := Parse(text, opt)
	if err != nil {
		t.Errorf("%s does not parse again: %v", text, err)
		return
	}
	if again.String() != text {
		t.Errorf("%s\nparsed again is\n%s", text, again)
	}
	if got, want := matching(again), matching(q); !slices.Equal(got, want) {
		t.Errorf("%s: parsed again it selects %v, at first %v", text, got, want)
	}
}

// checkDeviceIDs makes sure that no device is lost by looking at DeviceIDs only.
func checkDeviceIDs(t testing.TB, q *Query) {
	t.Helper()
	ids, ok := q.DeviceIDs()
	if !ok {
		return
	}
	for _, id := range matching(q) {
		if !slices.Contains(ids, id) {
			t.Errorf("%s: DeviceIDs is %v and lacks %s, which matches", q, ids, id)
		}
	}
}

// blocks are the paragraphs of a file; lines that start with # are comments.
func blocks(t *testing.T, file string) [][]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for paragraph := range strings.SplitSeq(string(data), "\n\n") {
		var block []string
		for line := range strings.Lines(paragraph) {
			if line = strings.TrimRight(line, "\n"); line != "" && !strings.HasPrefix(line, "#") {
				block = append(block, line)
			}
		}
		if len(block) > 0 {
			all = append(all, block)
		}
	}
	return all
}

// lines are those of a file that say something.
func lines(t *testing.T, file string) []string {
	t.Helper()
	all := slices.Concat(blocks(t, file)...)
	if len(all) < 10 {
		t.Fatalf("%s has only %d lines", file, len(all))
	}
	return all
}
