package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	printed   = regexp.MustCompile("(?s)(<!-- prints: ([a-z-]+) -->\n```\n)(.*?)```")
	shellPart = regexp.MustCompile("(?s)```\n(.*?)```")
)

// TestDocsRunsShowsWhatIsPrinted holds the examples of docs/runs.md against what the tests of `runs` print;
// UPDATE=1 rewrites them, after the golden files themselves.
func TestDocsRunsShowsWhatIsPrinted(t *testing.T) {
	page := readPage(t, "docs/runs.md")
	examples := printed.FindAllStringSubmatch(page, -1)
	if len(examples) < 5 {
		t.Fatalf("docs/runs.md has %d examples, want at least 5", len(examples))
	}
	fresh := printed.ReplaceAllStringFunc(page, func(example string) string {
		part := printed.FindStringSubmatch(example)
		want, err := os.ReadFile(filepath.Join("testdata/show", part[2]+".want"))
		if err != nil {
			t.Fatal(err)
		}
		return part[1] + string(want) + "```"
	})
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(filepath.Join(root, "docs/runs.md"), []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if fresh != page {
		t.Error("docs/runs.md does not show what is printed; UPDATE=1 go test ./cmd/twinbook rewrites it")
	}
}

// TestDocsRunsCommandsAreThere checks that every command that docs/runs.md shows exists, with its flags.
func TestDocsRunsCommandsAreThere(t *testing.T) {
	found := 0
	for _, part := range shellPart.FindAllStringSubmatch(readPage(t, "docs/runs.md"), -1) {
		for text := range strings.Lines(part[1]) {
			if text, ok := strings.CutPrefix(text, "twinbook "); ok {
				found++
				if err := parses(strings.Fields(strings.Split(text, " >")[0])); err != nil {
					t.Errorf("twinbook %s%v", text, err)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("docs/runs.md shows %d commands, want at least 10", found)
	}
}

// parses checks the words of a command without carrying it out.
func parses(args []string) error {
	a := &app{out: io.Discard, err: io.Discard, env: func(string) (string, bool) { return "", false }}
	c, rest, err := a.root().Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil && c.Args != nil {
		err = c.Args(c, c.Flags().Args())
	}
	if err == nil && c.HasSubCommands() {
		err = errors.New("is no command, but holds some")
	}
	return err
}
