package engine

import (
	"strings"
	"testing"
)

// Of a line that is very long, a problem shows the part around its place, with the caret below it.
func TestExcerptOfALongLine(t *testing.T) {
	for _, c := range []struct {
		before, after int
		from          int
		text          string
	}{
		{0, 0, 1, "  1 | é!\n    |  ^\n"},
		{99, 59, 1, "  1 | " + strings.Repeat("é", 100) + "!" + strings.Repeat("-", 59) + "\n    | " + strings.Repeat(" ", 100) + "^\n"},
		{0, 500, 1, "  1 | é!" + strings.Repeat("-", 158) + "…\n    |  ^\n"},
		{300, 500, 242, "  1 | …" + strings.Repeat("é", 60) + "!" + strings.Repeat("-", 99) + "…\n    | " + strings.Repeat(" ", 61) + "^\n"},
		{300, 0, 143, "  1 | …" + strings.Repeat("é", 159) + "!\n    | " + strings.Repeat(" ", 160) + "^\n"},
	} {
		p := Problem{
			Pos: Pos{File: "w.yaml", Line: 1, Col: c.before + 2}, Width: 1, Rule: "r", Msg: "m",
			Line: strings.Repeat("é", c.before+1) + "!" + strings.Repeat("-", c.after),
		}
		excerpt, from := p.Excerpt()
		if from != c.from || []rune(excerpt)[p.Pos.Col-from] != '!' {
			t.Errorf("%d before, %d after: from %d: %q", c.before, c.after, from, excerpt)
		}
		if _, text, _ := strings.Cut(p.Text(), "\n"); text != c.text {
			t.Errorf("%d before, %d after:\n%swant\n%s", c.before, c.after, text, c.text)
		}
	}
}
