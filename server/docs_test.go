package server

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocsHaveEveryProblem holds the types of problems that the code has against those that docs/api.md explains.
func TestDocsHaveEveryProblem(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Errors\n")
	var explained []string
	for _, line := range regexp.MustCompile("(?m)^\\| (`[a-z`, -]+) \\|").FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(line[1], -1) {
			explained = append(explained, name[1])
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var used []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`problem\([^"]*, "([a-z-]+)", |problemTypes\+"([a-z-]+)"`).FindAllStringSubmatch(string(text), -1) {
			used = append(used, m[1]+m[2])
		}
	}
	slices.Sort(explained)
	slices.Sort(used)
	if used = slices.Compact(used); !slices.Equal(explained, used) {
		t.Errorf("docs/api.md explains %q, and the code has %q", explained, used)
	}
}
