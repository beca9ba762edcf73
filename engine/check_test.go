package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// compileFile compiles a file of testdata; what it calls is read beside it.
func compileFile(t *testing.T, path string) (*Program, Problems) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(path)
	return Compile(name, source, Options{Types: testTypes(), Read: func(called string) ([]byte, error) {
		source, err := os.ReadFile(filepath.Join(filepath.Dir(path), called))
		if errors.Is(err, os.ErrNotExist) {
			err = os.ErrNotExist // without the path, which differs between machines
		}
		return source, err
	}})
}

// Every file of testdata/bad is wrong, and its .want is what a user is shown.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 80 {
		t.Fatalf("found %d bad files (%v), want at least 80", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, problems := compileFile(t, file)
			got := problems.Text()
			golden := strings.TrimSuffix(file, ".yaml") + ".want"
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) == 0 {
				t.Error("no problem was found")
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Every file of testdata/good compiles.
func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no good files (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if _, problems := compileFile(t, file); len(problems) > 0 {
				t.Errorf("got problems\n%s", problems.Text())
			}
		})
	}
}
