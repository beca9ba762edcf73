package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/steps"
)

// root is the repository, seen from this package.
const root = "../.."

var (
	heading  = regexp.MustCompile(`(?m)^### ([a-z-]+)$`)
	yamlPart = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	topLevel = regexp.MustCompile(`(?m)^([a-zA-Z-]+):`)
)

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func yamlParts(page string) []string {
	var parts []string
	for _, m := range yamlPart.FindAllStringSubmatch(page, -1) {
		parts = append(parts, m[1])
	}
	return parts
}

// problemSections are the texts of docs/problems.md by rule.
func problemSections(t *testing.T) map[string]string {
	t.Helper()
	page := readPage(t, "docs/problems.md")
	sections := map[string]string{}
	marks := heading.FindAllStringSubmatchIndex(page, -1)
	for i, m := range marks {
		end := len(page)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		rule := page[m[2]:m[3]]
		if sections[rule] != "" {
			t.Errorf("docs/problems.md has two sections %s", rule)
		}
		sections[rule] = page[m[1]:end]
	}
	return sections
}

// TestDocsHaveEveryProblem holds the sections of docs/problems.md against the rules that the code and the
// golden files of wrong files name.
func TestDocsHaveEveryProblem(t *testing.T) {
	sections := problemSections(t)
	rules := rulesInCode(t)
	for rule, where := range rulesInGoldenFiles(t) {
		rules[rule] = where
	}
	for rule, where := range rules {
		if sections[rule] == "" {
			t.Errorf("%s can say [%s], and docs/problems.md has no section of that name", where, rule)
		}
	}
	for rule := range sections {
		if rules[rule] == "" {
			t.Errorf("docs/problems.md explains %s, which nothing says", rule)
		}
	}
}

// unseen are rules whose cause is too large for a page, or cannot be seen on it.
var unseen = []string{"alias-bomb", "empty-file", "expression-size", "file-size", "not-text", "too-deep"}

// TestDocsProblemExamples checks that the first example of a section causes its problem and no other,
// and that those after it are right.
func TestDocsProblemExamples(t *testing.T) {
	for rule, section := range problemSections(t) {
		t.Run(rule, func(t *testing.T) {
			examples := yamlParts(section)
			if len(examples) == 0 && !slices.Contains(unseen, rule) {
				t.Fatal("the section has no example")
			}
			for i, example := range examples {
				problems := exampleProblems(t, example)
				if i > 0 && len(problems) > 0 {
					t.Errorf("what to write instead is wrong, too:\n%s", problems.Text())
				}
				isRule := func(p engine.Problem) bool { return p.Rule == rule }
				if i == 0 && (!slices.ContainsFunc(problems, isRule) || slices.ContainsFunc(problems, func(p engine.Problem) bool { return !isRule(p) })) {
					t.Errorf("the example causes other problems than %s:\n%s%s", rule, example, problems.Text())
				}
			}
		})
	}
}

// exampleProblems checks an example as part of a whole file, with the configuration that the examples take for granted.
func exampleProblems(t *testing.T, example string) engine.Problems {
	t.Helper()
	source := []byte(wholeFile(example))
	kind := kindOf(source)
	if kind != "workflow" {
		return check("example.yaml", kind, source, nil)
	}
	program, problems := engine.Compile("example.yaml", source, engine.Options{Types: steps.All().Types, Read: readCalled})
	if len(problems) > 0 {
		return problems
	}
	config := &configuration{
		file: defaultConfig, secrets: []engine.Named[origin]{{Name: "apiToken", Value: origin{env: "API_TOKEN"}}},
		commands: map[string]steps.AllowedCommand{"backup": {Path: "/usr/local/bin/backup"}},
	}
	if problems := config.checkCommands(program); len(problems) > 0 {
		return problems
	}
	a := &app{env: func(string) (string, bool) { return "a secret", true }}
	_, err := a.readSecrets(config, program)
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	return problems
}

// readCalled has the one workflow that examples call.
func readCalled(path string) ([]byte, error) {
	if path != "greet.yaml" {
		return nil, fs.ErrNotExist
	}
	return []byte("version: 1\nworkflow: greet\ninputs: { name: { type: string } }\nsteps: [ { log: hello } ]\n"), nil
}

const exampleFrame = `version: 1
workflow: example
device: dev-1
timeout: 1h
inputs:
  count: { type: integer, default: 1 }
  city: { type: string, default: Berlin }
  names: { type: array, default: [] }
  options: { type: object, default: {} }
  ready: { type: boolean, default: true }
vars: { attempts: 0 }
steps:
  - id: before
    getTwin: {}
`

// wholeFile puts around an example what it leaves out.
func wholeFile(example string) string {
	if strings.HasPrefix(example, "- ") {
		return exampleFrame + "  " + strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n  ") + "\n"
	}
	has := map[string]bool{}
	for _, m := range topLevel.FindAllStringSubmatch(example, -1) {
		has[m[1]] = true
	}
	switch {
	case has["version"]:
		return example
	case has["hubs"]:
		return "version: 1\n" + example
	case has["devices"] && has["profiles"]:
		return "version: 1\nsimulator: s\n" + example
	case has["devices"]:
		return "version: 1\nsimulator: s\n" + example + "profiles: { sensor: {} }\n"
	case has["profiles"]:
		return "version: 1\nsimulator: s\n" + example + "devices: [ { id: dev-1, profile: sensor } ]\n"
	case has["steps"]:
		return "version: 1\nworkflow: example\n" + example
	}
	return "version: 1\nworkflow: example\n" + example + "steps: [ { log: hello } ]\n"
}

// rulesInGoldenFiles are the rules that wrong files of testdata are answered with.
func rulesInGoldenFiles(t *testing.T) map[string]string {
	t.Helper()
	rules := map[string]string{}
	said := regexp.MustCompile(`(?m)\[([a-z-]+)\]$`)
	for _, dir := range []string{"engine", "simulator/device"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "testdata/bad/*.want"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no golden files (%v)", dir, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range said.FindAllStringSubmatch(string(text), -1) {
				rules[m[1]] = file
			}
		}
	}
	return rules
}

// noters are the functions that note a problem; its rule is among their arguments, before the text.
var noters = []string{"problem", "Problem", "wrong", "wrongCall", "at", "whole", "wholeExpr"}

// rulesInCode are the rules that stand in the code as text.
func rulesInCode(t *testing.T) map[string]string {
	t.Helper()
	rules := map[string]string{}
	for _, dir := range []string{"engine", "engine/expr", "simulator/device", "cmd/twinbook"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				for _, rule := range rulesOf(n) {
					rules[rule] = file
				}
				return true
			})
		}
	}
	return rules
}

var ruleText = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func rulesOf(n ast.Node) (rules []string) {
	var texts []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(noters, f.Sel.Name) {
			texts = n.Args
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Rule" {
			texts = []ast.Expr{n.Value}
		}
	}
	for _, e := range texts {
		if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil && ruleText.MatchString(text) {
				rules = append(rules, text)
			}
		}
	}
	return rules
}

// TestDocsFilesAreRight checks every simulator file and configuration that the pages show.
func TestDocsFilesAreRight(t *testing.T) {
	for page, least := range map[string]int{"docs/simulator.md": 2, "docs/hubs.md": 1} {
		examples := yamlParts(readPage(t, page))
		if len(examples) < least {
			t.Errorf("%s shows %d files, want at least %d", page, len(examples), least)
		}
		for i, example := range examples {
			t.Run(fmt.Sprintf("%s %d", filepath.Base(page), i+1), func(t *testing.T) {
				if problems := exampleProblems(t, example); len(problems) > 0 {
					t.Errorf("the example is wrong:\n%s", problems.Text())
				}
			})
		}
	}
}

var (
	quotedPath = regexp.MustCompile("`([a-zA-Z0-9_.*/-]+)`")
	linkTarget = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
)

// TestDocsPathsExist checks that every path that docs/code.md names is there: whatever holds a slash,
// or ends like a file of ours.
func TestDocsPathsExist(t *testing.T) {
	found := 0
	for _, m := range quotedPath.FindAllStringSubmatch(readPage(t, "docs/code.md"), -1) {
		ext := filepath.Ext(m[1])
		if !strings.Contains(m[1], "/") && !slices.Contains([]string{".go", ".md", ".yaml", ".mod"}, ext) {
			continue
		}
		found++
		if matches, err := filepath.Glob(filepath.Join(root, m[1])); err != nil || len(matches) == 0 {
			t.Errorf("docs/code.md names %s, which does not exist (%v)", m[1], err)
		}
	}
	if found < 40 {
		t.Errorf("docs/code.md names %d paths, want at least 40", found)
	}
}

// TestDocsLinksLead checks that links of the pages in docs lead to files that are there, and to headings on them.
func TestDocsLinksLead(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("there are no pages (%v)", err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range linkTarget.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			there, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s links to %s, which cannot be read", page, m[1])
			} else if m[2] != "" && !slices.Contains(anchors(string(there)), m[2]) {
				t.Errorf("%s links to %s#%s, and there is no such heading", page, m[1], m[2])
			}
		}
	}
}

// anchors are the headings of a page as links write them.
func anchors(page string) (all []string) {
	drop := regexp.MustCompile("[^a-z0-9_ -]")
	for line := range strings.Lines(page) {
		if title := strings.TrimLeft(line, "#"); title != line && strings.HasPrefix(title, " ") {
			title = drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			all = append(all, strings.ReplaceAll(title, " ", "-"))
		}
	}
	return all
}
