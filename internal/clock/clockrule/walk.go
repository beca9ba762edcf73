package clockrule

import (
	"go/ast"
	"go/token"
	"path"
	"strconv"
)

const (
	useWaits    = "clock.Promise or clock.Queue"
	useGo       = "Clock.Go"
	useSleep    = "clock.Sleep"
	useAfter    = "Clock.After"
	useTimeouts = "Clock.WithTimeout"
	useCancel   = "Clock.WithCancel"
	useNow      = "Clock.Now"
	useReceive  = "Await of a clock.Promise or Take of a clock.Queue"
)

// forbidden says for the names of a package what to use instead.
var forbidden = map[string]map[string]string{
	"time": {
		"Now": useNow, "Since": "Clock.Now and Sub", "Until": "Clock.Now and Sub",
		"Sleep": useSleep, "After": useSleep,
		"AfterFunc": useAfter, "NewTimer": useAfter, "NewTicker": useAfter, "Tick": useAfter,
	},
	"context": {
		"WithTimeout": useTimeouts, "WithTimeoutCause": useTimeouts,
		"WithDeadline": useTimeouts, "WithDeadlineCause": useTimeouts,
		"WithCancel": useCancel, "WithCancelCause": useCancel,
		"AfterFunc": "Clock.Go with a wait on the context",
	},
	"sync": {
		"WaitGroup": "a clock.Promise or clock.Queue that parties tell of their end",
		"Cond":      useWaits, "NewCond": useWaits,
	},
	"golang.org/x/sync/errgroup": {
		"Group": useGo, "WithContext": useGo,
	},
}

// collectChannels learns the names of channels and of functions that return them.
func (r *rule) collectChannels(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field: // of a struct, a parameter, a result; or a method of an interface
			r.learn(n.Names, n.Type)
		case *ast.ValueSpec:
			r.learn(n.Names, append(n.Values, n.Type)...)
		case *ast.FuncDecl:
			r.learn([]*ast.Ident{n.Name}, n.Type)
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if name, ok := left.(*ast.Ident); ok && len(n.Lhs) == len(n.Rhs) {
					r.learn([]*ast.Ident{name}, n.Rhs[i])
				}
			}
		}
		return true
	})
}

func (r *rule) learn(names []*ast.Ident, of ...ast.Expr) {
	for _, expr := range of {
		if isChannel(expr) {
			for _, name := range names {
				r.channels[name.Name] = true
			}
		}
	}
}

// isChannel knows chan T, make(chan T) and functions whose first result is a channel.
func isChannel(expr ast.Expr) bool {
	switch e := expr.(type) {
	case *ast.ChanType:
		return true
	case *ast.CallExpr:
		fun, ok := e.Fun.(*ast.Ident)
		return ok && fun.Name == "make" && len(e.Args) > 0 && isChannel(e.Args[0])
	case *ast.FuncType:
		return e.Results.NumFields() > 0 && isChannel(e.Results.List[0].Type)
	}
	return false
}

func (r *rule) check(file *ast.File) {
	packages := r.imports(file)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			r.report(n, "go statement", useGo)
		case *ast.SelectStmt:
			r.report(n, "select", useReceive+" with a context")
		case *ast.SendStmt:
			r.report(n, "send to a channel", "Resolve of a clock.Promise or Put of a clock.Queue")
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				r.report(n, "receive from a channel", useReceive)
			}
		case *ast.RangeStmt:
			if r.rangesOverChannel(n.X) {
				r.report(n, "range over a channel", useReceive)
			}
		case *ast.ChanType:
			r.report(n, "chan", useWaits)
		case *ast.SelectorExpr:
			r.checkSelector(n, packages)
		}
		return true
	})
}

// rangesOverChannel goes by the last name: jobs, s.jobs, s.jobs(), ctx.Done(), ticker.C.
func (r *rule) rangesOverChannel(expr ast.Expr) bool {
	switch e := expr.(type) {
	case *ast.ParenExpr:
		return r.rangesOverChannel(e.X)
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Done" {
			return true
		}
		return r.rangesOverChannel(e.Fun)
	case *ast.SelectorExpr:
		return e.Sel.Name == "C" || r.channels[e.Sel.Name]
	case *ast.Ident:
		return r.channels[e.Name]
	}
	return false
}

func (r *rule) checkSelector(s *ast.SelectorExpr, packages map[string]string) {
	pkg, ok := s.X.(*ast.Ident)
	if !ok {
		return
	}
	from := packages[pkg.Name]
	if instead, bad := forbidden[from][s.Sel.Name]; bad {
		r.report(s, path.Base(from)+"."+s.Sel.Name, instead)
	}
}

// imports are the packages that have forbidden names, by the name the file gives them. A dot import would
// hide them.
func (r *rule) imports(file *ast.File) map[string]string {
	packages := map[string]string{}
	for _, spec := range file.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil || forbidden[from] == nil {
			continue
		}
		name := path.Base(from)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			r.report(spec, "dot import of "+from, "its name, so that it can be seen what is called")
		}
		packages[name] = from
	}
	return packages
}
