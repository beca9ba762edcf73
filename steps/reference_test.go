package steps_test

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/steps"
)

// TestReferenceIsFresh holds docs/steps.md against the definitions; UPDATE=1 writes it.
func TestReferenceIsFresh(t *testing.T) {
	const page = "../docs/steps.md"
	want := engine.Reference(steps.All().Types)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("%s is stale; UPDATE=1 go test ./steps writes it (%v)", page, err)
	}
}

// TestExamplesAreValid compiles the example of every step type.
func TestExamplesAreValid(t *testing.T) {
	for _, st := range steps.All().Types.All() {
		if st.Example == "" || st.Summary == "" {
			t.Errorf("%s has no example or no summary", st.Name)
		}
		compileSteps(t, st.Name, st.Example)
		for _, f := range append(st.Fields, st.Outputs...) {
			if f.Doc == "" {
				t.Errorf("%s: %s has no doc", st.Name, f.Name)
			}
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestDocsAreValid compiles every workflow, and every list of steps, that the pages show.
func TestDocsAreValid(t *testing.T) {
	for _, page := range []string{"../docs/language.md", "../README.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			found++
			if strings.HasPrefix(block[1], "- ") {
				compileSteps(t, page, block[1])
			} else {
				compile(t, page, block[1])
			}
		}
		if found == 0 {
			t.Errorf("%s shows no workflow", page)
		}
	}
}

// compileSteps compiles a list of steps inside a workflow that has what examples refer to.
func compileSteps(t *testing.T, name, list string) {
	t.Helper()
	compile(t, name, `version: 1
workflow: example
device: dev-1
timeout: 1h
inputs:
  count: { type: integer, default: 1 }
  city: { type: string, default: Berlin }
  firmware: { type: string, default: 1.2.3 }
  names: { type: array, default: [] }
vars: { attempts: 0 }
steps:
`+list)
}

func compile(t *testing.T, name, source string) {
	t.Helper()
	_, problems := engine.Compile(name, []byte(source), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		t.Errorf("%s: %v\n%s", name, problems, source)
	}
}

// TestFilesAreCompiledAtTheSameTime is for the race detector: files share the step types.
func TestFilesAreCompiledAtTheSameTime(t *testing.T) {
	types := steps.All().Types
	source, err := os.ReadFile("../workflows/restart-service.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, problems := engine.Compile("restart-service.yaml", source, engine.Options{Types: types}); len(problems) > 0 {
				t.Error(problems)
			}
		})
	}
	all.Wait()
}
