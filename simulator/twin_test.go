package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	day1 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	day2 = day1.AddDate(0, 0, 1)
	day3 = day1.AddDate(0, 0, 2)
)

func parsed(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ old, patch, want string }{
		{`{}`, `{}`, `{}`},
		{`{"a":1}`, `{"b":2}`, `{"a":1,"b":2}`},
		{`{"a":1}`, `{"a":null,"x":null}`, `{}`},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"b":null,"d":[1,{"e":2}]}}`, `{"a":{"c":2,"d":[1,{"e":2}]}}`},
		{`{"a":1}`, `{"a":{"b":{"c":null}}}`, `{"a":{"b":{}}}`},
		{`{"a":{"b":1}}`, `{"a":"x"}`, `{"a":"x"}`},
		{`{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`},
	} {
		old, patch := parsed(t, c.old), parsed(t, c.patch)
		before := (*tree)(nil).merge(old, &stamp{})
		got := before.merge(patch, &stamp{})
		if text := encodeJSON(got); string(text) != c.want || !reflect.DeepEqual(got.plain(), parsed(t, c.want)) {
			t.Errorf("%s merged into %s = %s, want %s", c.patch, c.old, text, c.want)
		}
		if !reflect.DeepEqual(before.plain(), parsed(t, c.old)) || !reflect.DeepEqual(patch, parsed(t, c.patch)) {
			t.Errorf("merging %s into %s changed them", c.patch, c.old)
		}
	}
}

func write(t testing.TB, body string, replace bool, ifMatch string) serviceWrite {
	t.Helper()
	w, err := parseWrite([]byte(body), replace, ifMatch)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return w
}

// The numbers of a twin through its life, and the metadata of both sections.
func TestTwinLife(t *testing.T) {
	tw := newTwin(day1)
	check := func(what string, version, desired, reported int64, etag, desiredMeta, reportedMeta string) {
		t.Helper()
		d, _ := json.Marshal(tw.desired.metadata())
		r, _ := json.Marshal(tw.reported.metadata())
		got := fmt.Sprint(tw.version, tw.desired.version, tw.reported.version, tw.etagText(), string(d), string(r))
		want := fmt.Sprint(version, desired, reported, etag, desiredMeta, reportedMeta)
		if short := strings.NewReplacer("2026-01-0", "", "T00:00:00.0000000Z", "", "$lastUpdatedVersion", "v", "$lastUpdated", "t"); short.Replace(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", what, short.Replace(got), want)
		}
	}
	check("new", 2, 1, 1, "AAAAAAAAAAE=", `{"t":"1"}`, `{"t":"1"}`)

	if _, err := tw.apply(write(t, `{"tags":{"a":1},"properties":{"desired":{"x":1,"o":{"p":1,"q":2}},"reported":{"no":1}},"etag":"?"}`, false, ""), day2); err != nil {
		t.Fatal(err)
	}
	check("first write", 3, 2, 1, "AAAAAAAAAAI=", `{"t":"2","v":2,"o":{"t":"2","v":2,"p":{"t":"2","v":2},"q":{"t":"2","v":2}},"x":{"t":"2","v":2}}`, `{"t":"1"}`)

	if _, err := tw.apply(write(t, `{"properties":{"desired":{"o":{"p":null}}}}`, false, `"AAAAAAAAAAI="`), day3); err != nil {
		t.Fatal(err)
	}
	check("a leaf deleted", 4, 3, 1, "AAAAAAAAAAM=", `{"t":"3","v":3,"o":{"t":"3","v":3,"q":{"t":"2","v":2}},"x":{"t":"2","v":2}}`, `{"t":"1"}`)

	if err := tw.report(parsed(t, `{"r":[{"s":1}]}`), 1, day3); err != nil {
		t.Fatal(err)
	}
	check("reported", 5, 3, 2, "AAAAAAAAAAM=", `{"t":"3","v":3,"o":{"t":"3","v":3,"q":{"t":"2","v":2}},"x":{"t":"2","v":2}}`, `{"t":"3","r":{"t":"3"}}`)

	if _, err := tw.apply(write(t, `{"properties":{"desired":{"o":5}}}`, true, "*"), day1); err != nil {
		t.Fatal(err)
	}
	check("replaced", 6, 4, 2, "AAAAAAAAAAQ=", `{"t":"1","v":4,"o":{"t":"1","v":4}}`, `{"t":"3","r":{"t":"3"}}`)
	if tags := tw.tags.plain(); fmt.Sprint(tags) != "map[a:1]" {
		t.Errorf("tags %v: a PUT leaves absent sections alone", tags)
	}
	if _, err := tw.apply(write(t, `{"tags":null}`, false, ""), day1); err != nil || len(tw.tags.list()) != 0 {
		t.Errorf("tags %v, %v after null", tw.tags.plain(), err)
	}
	check("tags cleared", 7, 4, 2, "AAAAAAAAAAU=", `{"t":"1","v":4,"o":{"t":"1","v":4}}`, `{"t":"3","r":{"t":"3"}}`)
}

func TestIfMatch(t *testing.T) {
	tw := newTwin(day1)
	for header, want := range map[string]bool{
		"": true, "*": true, `"*"`: true, `"AAAAAAAAAAE="`: true, "AAAAAAAAAAE=": true, `W/"AAAAAAAAAAE="`: true,
		`"AAAAAAAAAAI="`: false, "x": false, `""`: false, "W/": false, " ": true,
	} {
		if sameETag(header, tw.etagText()) != want {
			t.Errorf("If-Match %s: %v, want %v", header, !want, want)
		}
	}
	before := tw
	_, err := tw.apply(write(t, `{"tags":{"a":1}}`, false, "x"), day2)
	var f *fault
	if !errors.As(err, &f) || f.number != 412001 || !reflect.DeepEqual(tw, before) {
		t.Errorf("stale etag: %v, twin %+v", err, tw)
	}
}

// Each rule of Azure's on what a twin may hold, at its border.
func TestTwinLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	lists := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	text := func(n int) string { return `{"a":"` + strings.Repeat("x", n) + `"}` }
	fill := func(total int) string { // an object of so many bytes
		var parts []string
		for i := 0; total > 0; i++ {
			n := min(total, 4000)
			parts = append(parts, fmt.Sprintf(`"%03d":"%s"`, i, strings.Repeat("x", n-3)))
			total -= n
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	desired := func(s string) string { return `{"properties":{"desired":` + s + `}}` }
	for _, c := range []struct {
		name, body string
		number     int // 0: allowed
	}{
		{"depth 10", desired(nested(11)), 0}, // the section itself does not count
		{"depth 11", desired(nested(12)), 400004},
		{"lists 10", desired(lists(10)), 0},
		{"lists 11", desired(lists(11)), 400004},
		{"text 4096", desired(text(4096)), 0},
		{"text 4097", desired(text(4097)), 400004},
		{"key 1024", desired(`{"` + strings.Repeat("k", 1024) + `":1}`), 0},
		{"key 1025", desired(`{"` + strings.Repeat("k", 1025) + `":1}`), 400004},
		{"key with dot", desired(`{"a.b":1}`), 400004},
		{"key with dollar", desired(`{"o":{"$version":1}}`), 400004},
		{"key with space", desired(`{"a b":1}`), 400004},
		{"key with control", desired(`{"a\u0085":1}`), 400004},
		{"key in a list", desired(`{"l":[{"a b":1}]}`), 400004},
		{"largest integer", desired(`{"a":4503599627370495}`), 0},
		{"too large", desired(`{"a":4503599627370496}`), 400004},
		{"smallest integer", desired(`{"a":-4503599627370496}`), 0},
		{"too large in disguise", desired(`{"a":4.6e15}`), 400004},
		{"too large with a fraction of zero", desired(`{"a":[9007199254740993.0]}`), 400004},
		{"too small with a fraction of zero", desired(`{"a":-4503599627370497.0}`), 400004},
		{"too large when it is rounded", desired(`{"a":4503599627370496.5}`), 400004},
		{"largest integer in disguise", desired(`{"a":4503599627370495.0}`), 0},
		{"whole with an exponent", desired(`{"a":1e21}`), 0},
		{"too small", desired(`{"a":-4503599627370497}`), 400004},
		{"a large fraction", desired(`{"a":1e300}`), 0},
		{"no number", desired(`{"a":1e999}`), 400004},
		{"null in a list", desired(`{"a":[null]}`), 400004},
		{"null in an object in a list", desired(`{"a":[{"b":null}]}`), 400004},
		{"a list of lists", desired(`{"a":[[1],[]]}`), 0},
		{"desired 32 KiB", desired(fill(32 << 10)), 0},
		{"desired over", desired(fill(32<<10 + 10)), 403100},
		{"tags 8 KiB", `{"tags":` + fill(8<<10) + `}`, 0},
		{"tags over", `{"tags":` + fill(8<<10+10) + `}`, 403100},
		{"no object", desired(`[1]`), 400004},
		{"tags a number", `{"tags":5}`, 400004},
		{"properties a number", `{"properties":5}`, 400004},
		{"a list", `[1]`, 400004},
		{"no JSON", `{`, 400004},
		{"nothing", ``, 400004},
		{"too deep anywhere", `{"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, 400004},
		{"what one cannot write", `{"deviceId":"x","properties":{"reported":{"a":1}}}`, 0},
	} {
		tw := newTwin(day1)
		w, err := parseWrite([]byte(c.body), false, "")
		if err == nil {
			_, err = tw.apply(w, day2)
		}
		number := 0
		if err != nil {
			number = asFault(err).number
			if tw.version != 2 {
				t.Errorf("%s: refused, and yet written", c.name)
			}
		}
		if number != c.number {
			t.Errorf("%s: %d %v, want %d", c.name, number, err, c.number)
		}
	}
}

// Control characters do not count, numbers are 8 bytes, booleans 4.
func TestSize(t *testing.T) {
	for text, want := range map[string]int{
		`{}`: 0, `{"a":1}`: 9, `{"ab":true}`: 6, `{"a":"ä\n\u0085x"}`: 4, `{"a":{"b":[1,"x",{"c":2}]}}`: 2 + 8 + 1 + 9,
	} {
		if got := sizeOf(parsed(t, text)); got != want {
			t.Errorf("size of %s = %d, want %d", text, got, want)
		}
	}
}

func FuzzTwinWrite(f *testing.F) {
	f.Add([]byte(`{"tags":{"a":1},"properties":{"desired":{"x":{"y":[1,{"z":null}]}}}}`), []byte(`{"properties":{"desired":{"x":null}}}`), false)
	f.Add([]byte(`{"tags":null}`), []byte(`{"tags":{"a":{"b":"c"}}}`), true)
	f.Add([]byte(`{"properties":{"desired":{"a":1e999,"b":4503599627370496}}}`), []byte(`[`), false)
	f.Fuzz(func(t *testing.T, first, second []byte, replace bool) {
		tw := newTwin(day1)
		for _, body := range [][]byte{first, second} {
			before, old := tw, encodeJSON(tw.desired.root.plain())
			w, err := parseWrite(body, replace, "")
			var notice map[string]any
			if err == nil {
				notice, err = tw.apply(w, day2)
			}
			if err != nil {
				asFault(err)
				if !reflect.DeepEqual(tw, before) {
					t.Errorf("%s: refused (%v), and yet changed", body, err)
				}
				continue
			}
			if string(encodeJSON(before.desired.root.plain())) != string(old) {
				t.Errorf("%s changed what others may read", body)
			}
			if sizeOf(tw.desired.root.plain()) > maxProperties || sizeOf(tw.tags.plain()) > maxTags {
				t.Errorf("%s: over the limit", body)
			}
			checkNotice(t, before.desired.root, notice, tw.desired.root, replace)
			checkMirror(t, tw.desired.root.plain(), tw.desired.metadata())
		}
	})
}

// checkNotice says that a device that merges a notice, or takes a replacement, has what the hub has.
func checkNotice(t *testing.T, old *tree, notice map[string]any, want *tree, replace bool) {
	if notice == nil {
		return
	}
	patch := maps.Clone(notice)
	delete(patch, "$version")
	if replace && len(want.list()) > 0 {
		old = nil
	}
	if got := encodeJSON(old.merge(patch, &stamp{})); string(got) != string(encodeJSON(want)) {
		t.Errorf("device has %s, hub %s", got, encodeJSON(want))
	}
}

func checkMirror(t *testing.T, values, meta map[string]any) {
	for key, v := range values {
		m, ok := meta[key].(map[string]any)
		if !ok || m["$lastUpdated"] == nil {
			t.Errorf("no metadata for %q", key)
		}
		if object, ok := v.(map[string]any); ok {
			checkMirror(t, object, m)
		}
	}
	for key := range meta {
		if _, ok := values[key]; !ok && !strings.HasPrefix(key, "$") {
			t.Errorf("metadata for %q, which is gone", key)
		}
	}
}
