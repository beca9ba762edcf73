package expr

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
)

const (
	maxSourceBytes = 4 << 10
	maxNodes       = 500
	maxLoops       = 2 // predicates inside each other
)

// CompileOptions say what is special about the place an expression stands at.
type CompileOptions struct {
	Bool  bool // the value must be true or false
	Noise bool // noise() may be called: a simulator file

	// Step says why a step that the file has may not be referred to here ("it comes later"), or
	// nothing. nil: all may.
	Step func(id string) string
}

// A Problem is one thing wrong with an expression, found before the run.
type Problem struct {
	Offset int // of the first wrong character in the source, in characters
	Width  int // in characters, at least 1
	Rule   string
	Msg    string
	Hint   string // what to write instead, if we know
}

// Compile checks an expression and makes it ready to run. There is an Expr if there is no problem.
//
// It goes over the source twice. The strict pass finds mistakes with expr's type checker, on the
// tree as written. The running pass puts our operators in place of expr's, which would not let
// the checker see anything, and compiles that.
func (s *Scope) Compile(source string, opt CompileOptions) (*Expr, []Problem) {
	c := &check{scope: s, opt: opt, source: newSourceMap(source), refs: make(map[string][]string)}
	if result := c.strict(source); len(c.problems) == 0 {
		e, err := compileRunning(source)
		if err == nil {
			e.typ, e.refs, e.clock, e.builds = result, c.refs, c.clock, c.builds
			return e, nil
		}
		c.whole("expression", err.Error(), "")
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Compare(a.Offset, b.Offset) })
	return nil, c.problems
}

// parse reads the source into expr's tree.
func parse(source string) (tree *parser.Tree, err error) {
	return parser.ParseWithConfig(source, &parseConfig)
}

// compileRunning is the running pass.
func compileRunning(source string) (*Expr, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	nodes, _ := listNodes(tree.Node)
	var paths pathList
	program, err := compiler.Compile(&parser.Tree{Node: rewriteTree(nodes, &paths), Source: tree.Source}, runConfig())
	if err != nil {
		return nil, fmt.Errorf("this expression cannot be compiled: %s", firstLine(err.Error()))
	}
	return &Expr{source: source, program: program, paths: slices.Clip(paths)}, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// parseConfig and strictConfig are expr's settings. All its own functions are switched off: those
// with a predicate are part of its grammar and stay, the others are ours.
var (
	parseConfig  = newConfig()
	strictConfig = newStrictConfig()
)

func newConfig() conf.Config {
	c := conf.CreateNew()
	for name := range c.Builtins {
		c.Disabled[name] = true
	}
	c.Builtins = conf.FunctionsTable{}
	c.Env = objectNature(map[string]Type{})
	c.MaxNodes = maxNodes
	return *c
}

func newStrictConfig() conf.Config {
	c := newConfig()
	c.Strict = true
	for name, f := range functions {
		c.Functions[name] = checkedFunction(name, goTypes[f.result])
	}
	c.Functions[looseCall] = checkedFunction(looseCall, goAny)
	return c
}

// checkedFunction tells expr's checker what a function gives. What it takes we check ourselves:
// expr would look at each argument once for every way to call the function, which doubles with
// every level of calls inside each other.
func checkedFunction(name string, result reflect.Type) *builtin.Function {
	return &builtin.Function{
		Name:     name,
		Func:     func(...any) (any, error) { return nil, faultf("%s is not run in the strict pass", name) },
		Validate: func([]reflect.Type) (reflect.Type, error) { return result, nil },
	}
}

var operatorTable = runningFunctions()

// runConfig is fresh each time, as expr's compiler keeps notes in it.
func runConfig() *conf.Config {
	c := parseConfig
	c.Functions = operatorTable
	c.NtCache = nature.Cache{}
	return &c
}
