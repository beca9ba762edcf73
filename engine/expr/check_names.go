package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// A position is what surrounds a node: the names that let has given, the predicates it stands in.
type position struct {
	vars  []string
	loops []string // the names of the functions, outermost first
}

// families are objects of which the file declares every member, so a member must be named.
var families = map[string]string{"steps": "steps.ID", "inputs": "inputs.NAME", "vars": "vars.NAME", "secrets": "secrets.NAME"}

// names checks every name, function and literal below a node.
func (c *check) names(n ast.Node, at position) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		c.identifier(n, at)
		return
	case *ast.MemberNode:
		if base, ok := n.Node.(*ast.IdentifierNode); ok && !slices.Contains(at.vars, base.Value) {
			c.topMember(base, n, at)
			return
		}
	case *ast.StringNode:
		if strings.Contains(n.Value, "${{") {
			c.problem(n, "template-in-expression", "join texts with +, or use the value itself", "this text is taken as it is: no ${{ }} is filled in inside an expression")
		}
	case *ast.CallNode:
		c.call(n)
	case *ast.BuiltinNode:
		c.builtin(n, at)
		return
	case *ast.PointerNode:
		c.pointer(n, at)
	case *ast.VariableDeclaratorNode:
		c.names(n.Value, at)
		c.declare(n, at)
		c.names(n.Expr, position{append(slices.Clone(at.vars), n.Name), at.loops})
		return
	case *ast.BinaryNode:
		if c.slips(n) {
			c.names(n.Left, at)
			return
		}
	case *ast.ArrayNode, *ast.MapNode:
		c.builds = true
	case *ast.BytesNode:
		c.problem(n, "expression", "write the text without b", "there are no byte texts")
	case *ast.IntegerNode:
		if n.Value > 1<<53 {
			c.problem(n, "expression", "write it as a text", "the number is too large: numbers are exact up to 9007199254740992")
		}
	case *ast.SequenceNode:
		c.problem(n, "expression", "", "an expression gives one value; take out what stands before ;")
	}
	for _, child := range children(n) {
		if child != nil {
			c.names(child, at)
		}
	}
}

func (c *check) identifier(n *ast.IdentifierNode, at position) {
	name := n.Value
	if slices.Contains(at.vars, name) || name == "null" {
		return
	}
	if form, ok := families[name]; ok {
		if _, seen := c.scope.Type(name); seen || name == "secrets" {
			c.problem(n, "whole-object", "write "+form, "%s cannot stand alone", name)
			return
		}
	}
	if c.known(n) {
		c.refer(name, "")
	}
}

// known says whether the scope has a name, and adds a problem if not.
func (c *check) known(n *ast.IdentifierNode) bool {
	if _, ok := c.scope.Type(n.Value); ok {
		return true
	}
	if n.Value == "secrets" {
		c.problem(n, "secret-place", "", "a secret stands alone, as ${{ secrets.NAME }}, in a parameter of an action; no expression can read it")
		return false
	}
	msg, hint := c.unknownName(n.Value)
	c.problem(n, "unknown-name", hint, "%s", msg)
	return false
}

// elsewhere says where a name is known that is not known here.
var elsewhere = map[string]string{
	"message":  "message is known in where of waitForTelemetry; elsewhere write steps.ID.messages[0]",
	"twin":     "twin is known in until of waitForTwin, in where of queryDevices and in a twin trigger; elsewhere write steps.ID.twin",
	"response": "response is known in expect; elsewhere write steps.ID.payload",
	"item":     "item is known in a loop",
	"index":    "index is known in a loop",
	"error":    "error is known in catch and finally; elsewhere write steps.ID.error",
	"outcome":  "outcome is known in finally; elsewhere write steps.ID.outcome",
	"device":   "device is known where a device is in scope",
	"reported": "write twin.reported",
	"desired":  "write twin.desired",
	"tags":     "write twin.tags or device.tags",
	"status":   "write steps.ID.status",
	"payload":  "write steps.ID.payload",
	"this":     "", "self": "",
}

var upperWords = map[string]string{
	"AND": "and", "OR": "or", "NOT": "not", "IN": "in", "TRUE": "true", "FALSE": "false", "NULL": "nil", "NIL": "nil",
	"True": "true", "False": "false", "None": "nil", "undefined": "nil", "Null": "nil",
}

func (c *check) unknownName(name string) (msg, hint string) {
	msg = fmt.Sprintf("unknown name %q", name)
	_, isFunction := functions[name]
	switch {
	case strings.HasPrefix(name, "$"):
		return fmt.Sprintf("a name cannot begin with $: %q", name), "write the expression without $ and braces"
	case isFunction || predicates[name]:
		return fmt.Sprintf("%s is a function", name), fmt.Sprintf("write %s(…)", name)
	case upperWords[name] != "":
		return msg, "write " + upperWords[name]
	case elsewhere[name] != "":
		return fmt.Sprintf("%s is not known here", name), elsewhere[name]
	}
	names := c.scope.Names()
	if ofRun := name == "inputs" || name == "vars" || name == "steps"; ofRun && (slices.Contains(names, "run") || slices.Contains(names, "twin")) {
		return fmt.Sprintf("%s is not known here", name), "no run has begun here; known: " + strings.Join(names, ", ")
	}
	if guess := Closest(name, names); guess != "" {
		return msg, fmt.Sprintf("did you mean %s?", guess)
	}
	return msg, fmt.Sprintf("known here: %s; a text stands in quotes: %q", strings.Join(names, ", "), name)
}

// topMember is a member of a name of the scope, which may be one of the families.
func (c *check) topMember(base *ast.IdentifierNode, n *ast.MemberNode, at position) {
	name := base.Value
	property, literal := n.Property.(*ast.StringNode)
	if !literal {
		c.names(n.Property, at)
	}
	if name == "secrets" || !c.known(base) {
		if name == "secrets" {
			c.problem(n, "secret-place", "", "a secret stands alone, as ${{ secrets.NAME }}, in a parameter of an action; no expression can read it")
		}
		return
	}
	form, family := families[name]
	switch {
	case !family && literal:
		c.refer(name, property.Value)
	case !family:
		c.refer(name, "")
	case !literal:
		c.problem(n, "whole-object", "write "+form, "a member of %s must be named in the file, not computed", name)
	default:
		c.familyMember(name, n, property.Value)
	}
}

// familyMember is inputs.NAME, vars.NAME or steps.ID.
func (c *check) familyMember(family string, n *ast.MemberNode, name string) {
	t, _ := c.scope.Type(family)
	if _, ok := t.Fields[name]; t.Fields != nil && !ok {
		c.unknownMember(n, family, name, slices.Sorted(maps.Keys(t.Fields)))
		return
	}
	if family == "steps" && c.opt.Step != nil {
		if reason := c.opt.Step(name); reason != "" {
			c.problem(n, "step-order", "", "steps.%s cannot be seen here: %s", name, reason)
			return
		}
	}
	c.refer(family, name)
}

var familyRules = map[string]string{"inputs": "unknown-input", "vars": "unknown-variable", "steps": "unknown-step"}
var familyWords = map[string]string{"inputs": "input", "vars": "variable", "steps": "step"}

func (c *check) unknownMember(n *ast.MemberNode, family, name string, names []string) {
	hint := "there is none"
	if guess := Closest(name, names); guess != "" {
		hint = fmt.Sprintf("did you mean %s.%s?", family, guess)
	} else if len(names) > 0 {
		hint = "known: " + Shorten(strings.Join(names, ", "), 200)
	}
	c.problem(n, familyRules[family], hint, "unknown %s %q", familyWords[family], name)
}

// refer notes that the expression reads a name, or with member just that member of it.
func (c *check) refer(name, member string) {
	list, seen := c.refs[name]
	switch {
	case seen && list == nil:
	case member == "":
		c.refs[name] = nil
	default:
		if i, found := slices.BinarySearch(list, member); !found {
			c.refs[name] = slices.Insert(list, i, member)
		}
	}
}

func (c *check) declare(n *ast.VariableDeclaratorNode, at position) {
	_, scoped := c.scope.Type(n.Name)
	_, function := functions[n.Name]
	switch {
	case scoped || function || predicates[n.Name] || families[n.Name] != "" || slices.Contains(at.vars, n.Name):
		c.at(n.Location().From, n.Location().To, "expression", "take another name", "%s already means something", n.Name)
	case strings.HasPrefix(n.Name, "$") || strings.HasPrefix(n.Name, "__") || n.Name == "null":
		c.at(n.Location().From, n.Location().To, "expression", "take another name", "a name cannot be %s", n.Name)
	}
}

func (c *check) pointer(n *ast.PointerNode, at position) {
	inner := ""
	if len(at.loops) > 0 {
		inner = at.loops[len(at.loops)-1]
	}
	switch {
	case n.Name == "" || n.Name == "index" && inner == "map":
	case n.Name == "index":
		c.problem(n, "expression", "", "#index is only known in map")
	default:
		c.problem(n, "expression", "write # for the item, #.name for its member", "#%s is not known", n.Name)
	}
}
