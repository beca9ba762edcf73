package query

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRefused(t *testing.T) {
	checkRefused(t, "testdata/refused.txt", Parse)
	checkRefused(t, "testdata/refused_conditions.txt", ParseCondition)
}

// checkRefused parses each line of a file and compares the caret and the reason below it.
func checkRefused(t *testing.T, file string, parse func(string, Options) (*Query, error)) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(data)) {
		text := strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(text), "^ ") {
			continue
		}
		got.WriteString(line)
		if text != "" && !strings.HasPrefix(text, "#") {
			got.WriteString(caret(t, text, parse))
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(string(data), "\n")
	for i, line := range strings.Split(got.String(), "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("%s:%d\ngot:  %s\nwant: %s", file, i+1, line, want[min(i, len(want)-1)])
		}
	}
}

func caret(t *testing.T, text string, parse func(string, Options) (*Query, error)) string {
	t.Helper()
	q, err := parse(text, Options{})
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%s parses as %v, err %v; it should be refused", text, q, err)
		return ""
	}
	return strings.Repeat(" ", e.Pos) + "^ " + e.Msg + "\n"
}

func TestErrorPositionCountsCharacters(t *testing.T) {
	_, err := Parse("SELECT *\r\n\tFROM devices WHERE tags.site = 'äöü😀' oder", Options{})
	want := `query, col 50: expected AND, OR, GROUP BY or the end of the query, found "oder"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestEmptyText(t *testing.T) {
	for _, text := range []string{"", " \t\r\n"} {
		if _, err := Parse(text, Options{}); err == nil || !strings.Contains(err.Error(), "expected SELECT, found the end of the query") {
			t.Errorf("Parse(%q): %v", text, err)
		}
		if _, err := ParseCondition(text, Options{}); err == nil || !strings.Contains(err.Error(), "found the end of the condition") {
			t.Errorf("ParseCondition(%q): %v", text, err)
		}
	}
}

func TestNoText(t *testing.T) {
	_, err := Parse("SELECT * FROM devices WHERE tags.site = 'ä\xff'", Options{})
	if want := "query, col 43: the query is not valid UTF-8"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLength(t *testing.T) {
	fill := func(n int) string {
		text := "SELECT * FROM devices WHERE tags.site = 'äöü"
		return text + strings.Repeat("ä", n-len([]rune(text))-1) + "'"
	}
	if _, err := Parse(fill(MaxLength), Options{}); err != nil {
		t.Errorf("%d characters: %v", MaxLength, err)
	}
	for _, text := range []string{fill(MaxLength + 1), strings.Repeat("x", 1<<20)} {
		_, err := Parse(text, Options{})
		if want := "query, col 8193: the query is longer than 8192 characters"; err == nil || err.Error() != want {
			t.Errorf("%d bytes: got %v, want %s", len(text), err, want)
		}
	}
}

// Texts of full length that are made of one thing must neither overflow a stack nor take long.
func TestDenseText(t *testing.T) {
	for _, test := range []struct {
		start, repeat, end string
		refused            string // part of the message; empty: accepted
	}{
		{"", "(", "", "nested deeper than 64 levels"},
		{"", "NOT ", "true", "nested deeper"},
		{"1 = ", "-", "1", "nested deeper"},
		{"", "LENGTH(", "", "nested deeper"},
		{"1 IN ", "[", "", "expected a constant"},
		{"true", " AND true", "", ""},
		{"true", " OR NOT false AND true", "", ""},
		{"1", "+1", " = 2", ""},
		{"1", "*-1", " = 2", ""},
		{"a", ".a", " = 2", ""},
		{"a", "['']", " = 2", ""},
		{"deviceId IN [1", ",1", "]", ""},
		{"CONCAT('x'", ",'x'", ")", ""},
		{"deviceId = 'a'", " OR deviceId='b'", "", ""},
		{"deviceId IN ['a']", " AND deviceId IN['a']", "", ""},
	} {
		room := MaxLength - 2*len(test.start+test.end) - 64
		text := test.start + strings.Repeat(test.repeat, room/len(test.repeat)) + test.end
		began := time.Now()
		q, err := ParseCondition(text, Options{Superset: true})
		if test.refused != "" {
			if err == nil || !strings.Contains(err.Error(), test.refused) {
				t.Errorf("%s%s...: got %v, want %s", test.start, test.repeat, err, test.refused)
			}
		} else if err != nil {
			t.Errorf("%s%s...: %v", test.start, test.repeat, err)
		} else {
			matching(q)
			q.DeviceIDs()
			if q.String() == "" {
				t.Errorf("%s%s... prints as nothing", test.start, test.repeat)
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s%s... took %v", test.start, test.repeat, took)
		}
	}
}

func TestDenseColumns(t *testing.T) {
	var list strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&list, "x%03d,", i)
	}
	text := strings.TrimSuffix(list.String(), ",")
	if q, err := Parse("SELECT "+text[:4000]+"a FROM devices GROUP BY "+text[:4000]+"a", Options{}); err != nil {
		t.Error(err)
	} else if got := q.Aggregate(fleet()); len(got) != 1 {
		t.Errorf("got %d groups, want 1", len(got))
	}
	_, err := Parse("SELECT a"+strings.Repeat(",a", 4000)+" FROM devices", Options{})
	if err == nil || !strings.Contains(err.Error(), "a second column is called 'a'") {
		t.Errorf("4,000 columns of one name: %v", err)
	}
}

func TestNestingWithinBounds(t *testing.T) {
	text := strings.Repeat("(", maxDepth) + "true" + strings.Repeat(")", maxDepth)
	if _, err := ParseCondition(text, Options{}); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	side := strings.Repeat("(true) AND ", 100) + "true"
	if _, err := ParseCondition(side, Options{}); err != nil {
		t.Errorf("100 parentheses side by side: %v", err)
	}
}
