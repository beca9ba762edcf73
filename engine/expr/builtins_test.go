package expr

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTimesAreReadAsDevicesWriteThem(t *testing.T) {
	want := time.Date(2025, 11, 4, 10, 7, 5, 0, time.UTC)
	for _, text := range []string{
		"2025-11-04T10:07:05Z", "2025-11-04T10:07:05.000Z", "2025-11-04T11:07:05+01:00", "2025-11-04T11:07:05+0100", "2025-11-04T11:07:05+01", "2025-11-04T10:07:05",
		"2025-11-04 10:07:05", "2025-11-04 10:07:05Z", "2025-11-04 11:07:05+01:00", "2025-11-04 11:07:05 +0100", "2025-11-04 10:07:05 UTC", "2025-11-04 10:07:05 +0000 UTC",
		"2025-11-04t10:07:05Z", "Tue, 04 Nov 2025 10:07:05 GMT", "Tue, 04 Nov 2025 11:07:05 +0100", "Tue Nov 04 2025 11:07:05 GMT+0100 (Central European Standard Time)",
		"Tue Nov 04 2025 10:07:05 GMT+0000 (UTC)", "Tue Nov  4 10:07:05 2025", "Tue Nov  4 10:07:05 UTC 2025", "20251104T100705Z", "1762250825", "1762250825000", " 2025-11-04T10:07:05Z ",
	} {
		if got, err := parseTime(text); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]time.Time{
		"2025-11-04": time.Date(2025, 11, 4, 0, 0, 0, 0, time.UTC), "2025-11-04T10:07Z": time.Date(2025, 11, 4, 10, 7, 0, 0, time.UTC),
		"2025-11-04T10:07:05.1234567Z": time.Date(2025, 11, 4, 10, 7, 5, 123456700, time.UTC), "1762250825.5": time.Date(2025, 11, 4, 10, 7, 5, 5e8, time.UTC),
	} {
		if got, err := parseTime(text); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "now", "yesterday", "10:07", "12", "2025", "2025-13-04", "2025-02-30T00:00:00Z", "04.11.2025", "11/04/2025", "Tue, 04 Nov 2025 10:07:05 CET", "1e9", "NaN", "0x10000000", "-", "99999999999999999",
		strings.Repeat("1", 200),
	} {
		if got, err := parseTime(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
	for source, want := range map[string]time.Time{`time(1762250825)`: want, `time(1762250825123)`: want.Add(123 * time.Millisecond), `time(0)`: time.Unix(0, 0).UTC(), `time(1.5)`: time.Unix(1, 5e8).UTC()} {
		if got, err := evaluate(source, testEnv()); err != nil || got != any(want) {
			t.Errorf("%s: got %v, %v, want %v", source, got, err, want)
		}
	}
}

// The order is the example of the Semantic Versioning specification, section 11, with ours between.
func TestVersionsHaveTheOrderOfTheSpecification(t *testing.T) {
	order := []string{
		"0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-11", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
		"1.0.0", "1.9", "v1.10.0", "2", "99999999999999999999.0.0", "100000000000000000000.0.0",
	}
	for i, a := range order {
		for j, b := range order {
			got, err := evaluate(fmt.Sprintf(`semver(%q) < semver(%q)`, a, b), testEnv())
			if err != nil || got != (i < j) {
				t.Errorf("%s < %s: got %v, %v", a, b, got, err)
			}
		}
	}
	for _, source := range []string{`semver("1.0.0+a") == semver("1.0.0+b")`, `semver("V1.02") == semver("1.2.0")`, `semver("1.0.0-a") != semver("1.0.0")`} {
		if got, err := evaluate(source, testEnv()); got != true {
			t.Errorf("%s: %v, %v", source, got, err)
		}
	}
	for _, text := range []string{"", "1.", "1.2.3.4", "a.b", "1.2-", "-1", "1..2", strings.Repeat("1", 300)} {
		if _, err := parseVersion(text); err == nil {
			t.Errorf("%q is taken for a version", text)
		}
	}
}

// The numbers are fixed for ever: a fleet must not be dealt anew by an update of twinbook.
func TestBucketsAreStableAndEven(t *testing.T) {
	for source, want := range map[string]float64{`bucket("dev-1", 100)`: 82, `bucket("dev-2", 100)`: 6, `bucket("", 10)`: 2, `bucket("x", 1)`: 0} {
		if got, err := evaluate(source, testEnv()); got != want {
			t.Errorf("%s: got %v, %v, want %v", source, got, err, want)
		}
	}
	counts := make([]int, 10)
	for i := range 10_000 {
		n, err := bucket(&evaluation{}, []any{fmt.Sprintf("dev-%05d", i), 10.0})
		if err != nil {
			t.Fatal(err)
		}
		counts[int(n.(float64))]++
	}
	if slices.Min(counts) < 900 || slices.Max(counts) > 1100 {
		t.Errorf("uneven: %v", counts)
	}
}

func TestNoiseIsOnlyWhereItIsAllowed(t *testing.T) {
	e, problems := testScope().Compile(`20 + 5 * noise()`, CompileOptions{Noise: true})
	if e == nil {
		t.Fatal(problems)
	}
	env := testEnv()
	if _, err := e.Eval(env); err == nil {
		t.Error("noise without a source")
	}
	env.Noise = func() float64 { return 0.5 }
	if got, err := e.Eval(env); got != 22.5 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

// Go's maps have no order; an expression over one must.
func TestMapsAreWalkedInTheOrderOfTheirNames(t *testing.T) {
	e := mustCompile(t, `[toJSON(item), diff(item, {})]`)
	env := testEnv()
	env.Names["item"] = map[string]any{"f": 1.0, "a": 2.0, "c": 3.0, "b": map[string]any{"z": 1.0, "y": 2.0}, "e": 4.0}
	first := ""
	for range 200 {
		value, err := e.Eval(env)
		if err != nil {
			t.Fatal(err)
		}
		if text := CompactJSON(value); first == "" {
			first = text
		} else if text != first {
			t.Fatalf("got %s, then %s", first, text)
		}
	}
	if want := `["{\"a\":2,\"b\":{\"y\":2,\"z\":1},`; !strings.HasPrefix(first, want) {
		t.Errorf("got %s, want %s…", first, want)
	}
}

func TestEveryFunctionOfTheLanguageIsThere(t *testing.T) {
	want := strings.Fields(`abs age all any bucket ceil count diff duration filter find first float floor fromJSON glob hasPrefix hasSuffix
		indexOf int join last lastUpdated len lower map max min noise none now one padLeft replace round semver split string sum time toJSON trim upper`)
	if got := functionNames(); !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
