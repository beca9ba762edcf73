package simulator

import (
	"fmt"
	"testing"
)

// Marks follow the tags through every write, so that a query sees what a scan would.
func TestQueryFollowsTags(t *testing.T) {
	h := newHub(t, Config{})
	found := func(where string) int {
		t.Helper()
		_, n := allPages(t, h, "SELECT * FROM devices WHERE "+where, 1)
		return n
	}
	write := func(body string, replace bool) {
		t.Helper()
		w, err := parseWrite([]byte(body), replace, "")
		if err == nil {
			_, err = h.writeTwin("dev-1", w)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		body    string
		replace bool
		where   string
		want    int
	}{
		{`{}`, false, "tags.a = 1", 0},
		{`{"tags":{"a":1,"b":{"c":"x"}}}`, false, "tags.a = 1 AND tags.b.c = 'x'", 1},
		{`{"tags":{"a":2}}`, false, "tags.a = 1", 0},
		{`{"tags":{"a":2}}`, false, "tags.a IN [1, 2]", 1},
		{`{"tags":{"b":null}}`, false, "tags.b.c = 'x'", 0},
		{`{"tags":{"d":true}}`, true, "tags.d = true", 1},
		{`{"tags":{"d":true}}`, true, "tags.a = 2", 0},
		{`{"tags":null}`, false, "tags.d = true", 0},
	} {
		write(step.body, step.replace)
		if got := found(step.where); got != step.want {
			t.Errorf("step %d: %s finds %d, want %d", i, step.where, got, step.want)
		}
	}
}

// A row may hold whole sections. They are those of its device, not of the one looked at last.
func TestQueryRowsKeepTheirDevice(t *testing.T) {
	h := newHub(t, Config{})
	for i, id := range []string{"dev-1", "dev-2"} {
		w, err := valuesToWrite(nil, map[string]any{"n": i}, "")
		if err == nil {
			_, err = h.writeTwin(id, w)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, _ := allPages(t, h, "SELECT deviceId, properties, properties.desired AS d FROM devices", 10)
	for i, row := range plainRows(rows) {
		desired := row["properties"].(map[string]any)["desired"].(map[string]any)
		if desired["n"] != float64(i) || row["d"].(map[string]any)["n"] != float64(i) || desired["$version"] != 2.0 {
			t.Errorf("row %d: %v", i, row)
		}
	}
}

// Pages of groups come from one count, and are whole also when that was forgotten.
func TestQueryGroupPages(t *testing.T) {
	h := newHub(t, Config{Clock: fast()})
	for i := range 30 {
		if err := h.AddDevice(Device{ID: fmt.Sprintf("g-%02d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	const text = "SELECT deviceId, COUNT() AS n FROM devices GROUP BY deviceId"
	first, err := h.ask(inquiry{text: text, pageSize: 10})
	if err != nil || len(first.rows) != 10 || len(h.grouped.list) != 1 {
		t.Fatalf("%d rows, %d kept, %v", len(first.rows), len(h.grouped.list), err)
	}
	if err := h.AddDevice(Device{ID: "a-first"}); err != nil {
		t.Fatal(err)
	}
	second, err := h.ask(inquiry{text: text, continuation: first.next})
	if err != nil || second.rows[0]["deviceId"] != "g-08" {
		t.Errorf("the second page begins with %v, %v", second.rows[0], err)
	}
	h.grouped.drop(1)
	if _, err := h.ask(inquiry{text: text, continuation: second.next}); err != nil {
		t.Error(err)
	}
	for i := range 3 * maxGroupings { // pages that nobody reads on
		if _, err := h.ask(inquiry{text: fmt.Sprintf("SELECT TOP %d deviceId FROM devices GROUP BY deviceId", i+2), pageSize: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.grouped.list) > maxGroupings {
		t.Errorf("%d groupings are kept", len(h.grouped.list))
	}
	if rows, n := allPages(t, h, text, 7); n != 33 || rows[32]["deviceId"] != "g-29" {
		t.Errorf("%d groups, the last %v", n, rows[n-1])
	}
	kept := h.grouped.keep(nil, h.clock.Now().Add(2*groupingLife))
	if len(h.grouped.list) != 1 || h.grouped.list[0].number != kept {
		t.Errorf("groupings of %v ago are kept", 2*groupingLife)
	}
}
