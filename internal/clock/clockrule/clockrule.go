// Package clockrule keeps code under the clock from waiting in ways that virtual time cannot see.
//
// A room that runs under the clock calls Check in one line of a test. The rule reads the syntax tree
// alone and knows no types: a range over a channel is found where the folder shows that it is
// one, or where something else already betrays it, since the type chan is refused as well.
// What a library does inside is not seen.
package clockrule

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Check fails the test for each place where a non-test Go file of the folder dir, but for the files
// named in except, starts a goroutine, uses a channel or waits by other means than the clock's.
func Check(t *testing.T, dir string, except ...string) {
	t.Helper()
	found, err := findings(dir, except)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

// findings are in the order of the files and their lines. A folder without Go files and an exception for a
// file that is not there are errors, as they would make the check pass for nothing.
func findings(dir string, except []string) ([]string, error) {
	fset := token.NewFileSet()
	files, err := parse(fset, dir)
	if err != nil {
		return nil, err
	}
	for _, name := range except {
		path := filepath.Join(dir, name)
		if files[path] == nil {
			return nil, fmt.Errorf("%s: there is no such file to except from the clock's rule", path)
		}
		delete(files, path)
	}
	r := &rule{fset: fset, channels: map[string]bool{}}
	for _, file := range files {
		r.collectChannels(file)
	}
	for _, file := range files {
		r.check(file)
	}
	return r.sorted(), nil
}

// parse reads the non-test Go files of dir, by path.
func parse(fset *token.FileSet, dir string) (map[string]*ast.File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]*ast.File{}
	for _, e := range entries {
		if !isSource(e) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if files[path], err = parser.ParseFile(fset, path, nil, parser.SkipObjectResolution); err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no Go files to check", dir)
	}
	return files, nil
}

func isSource(e fs.DirEntry) bool {
	return !e.IsDir() && strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
}

type rule struct {
	fset     *token.FileSet
	channels map[string]bool // names that the folder declares as channels or as functions returning one
	found    []finding
}

type finding struct {
	pos token.Position
	msg string
}

func (r *rule) report(at ast.Node, what, instead string) {
	r.found = append(r.found, finding{r.fset.Position(at.Pos()), what + "; use " + instead})
}

// sorted gives a finding a line: two of one kind on a line are one.
func (r *rule) sorted() []string {
	slices.SortFunc(r.found, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.pos.Filename, b.pos.Filename), a.pos.Offset-b.pos.Offset, strings.Compare(a.msg, b.msg))
	})
	var lines []string
	for _, f := range r.found {
		lines = append(lines, fmt.Sprintf("%s:%d: under the clock: %s", f.pos.Filename, f.pos.Line, f.msg))
	}
	return slices.Compact(lines)
}
