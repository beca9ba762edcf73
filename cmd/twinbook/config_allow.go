package main

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/steps"
)

// allowShape is what a configuration lets workflows do on this machine.
func allowShape() *engine.Shape {
	command := &engine.Shape{What: "a path, or a mapping with path, name and env", Doc: "A command that exec may run.", Keys: []engine.Key{
		{Name: "path", Required: true, Doc: "The program's absolute path.", Shape: engine.Name("")},
		{Name: "name", Doc: "What workflows call it; its path unless given.", Shape: engine.Name("")},
		{Name: "env", Doc: "The variables that a workflow may give it.", Shape: &engine.Shape{List: engine.Name("")}},
	}}
	return &engine.Shape{What: "a mapping such as { exec: [] }", Keys: []engine.Key{
		{Name: "exec", Doc: "The commands that exec may run; none unless given.", Shape: &engine.Shape{
			List: &engine.Shape{What: command.What, Either: []*engine.Shape{command, engine.Name("The program's absolute path.")}},
		}},
	}}
}

var (
	commandName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	variableName = regexp.MustCompile(`^` + engine.Identifier + `$`)
)

// commandsOf reads the commands that exec may run, by the names that workflows have for them.
func commandsOf(d *engine.Decoded) map[string]steps.AllowedCommand {
	commands := map[string]steps.AllowedCommand{}
	for _, item := range d.Items() {
		c := steps.AllowedCommand{Path: item.Text()}
		if item.Has("path") {
			c.Path = item.Get("path").Text()
		}
		if c.Path == "" {
			continue // that has been said
		}
		name := c.Path
		if given := item.Get("name"); given.Text() != "" {
			if name = given.Text(); !commandName.MatchString(name) {
				given.Problem("wrong-value", "use letters, digits, _, - and .", fmt.Sprintf("%q is no name for a command", name))
			}
		}
		if !path.IsAbs(c.Path) || path.Clean(c.Path) != c.Path {
			item.Problem("wrong-value", "such as /usr/local/bin/backup", fmt.Sprintf("%q is no absolute path, so what it means would depend on where twinbook runs", c.Path))
		}
		if _, taken := commands[name]; taken {
			item.Problem("wrong-value", "give one of them another name", fmt.Sprintf("the command %s stands here twice", name))
		}
		c.Env = variablesOf(item.Get("env"))
		commands[name] = c
	}
	return commands
}

func variablesOf(d *engine.Decoded) (names []string) {
	for _, item := range d.Items() {
		name := item.Text()
		switch {
		case name == "":
		case !variableName.MatchString(name):
			item.Problem("wrong-value", "use letters, digits and _", fmt.Sprintf("%q is no name of a variable", name))
		case name == steps.KeyVariable:
			item.Problem("wrong-value", "", name+" says which step it is, and cannot be another")
		default:
			names = append(names, name)
		}
	}
	return names
}

// checkCommands holds the commands that a workflow runs, and the variables that it gives them, against the configuration. What comes
// from an expression is known when the step runs, and held against it then.
func (c *configuration) checkCommands(p *engine.Program) (problems engine.Problems) {
	for _, s := range p.Actions("exec") {
		command := s.Do.Param("command")
		if command == nil || command.Kind != engine.ValueLiteral {
			continue
		}
		name, _ := command.Lit.(string)
		allowed, ok := c.commands[name]
		if !ok {
			problems = append(problems, p.Problem(command.Pos, len(name), "command-not-allowed", c.allowHint(name),
				fmt.Sprintf("%s does not allow the command %s", c.title(), name)))
			continue
		}
		for _, variable := range otherVariables(allowed, s.Do.Param("env")) {
			problems = append(problems, p.Problem(variable.Pos, len(variable.Name), "command-not-allowed",
				fmt.Sprintf("write in %s: env: [%s], where it allows the command", c.title(), strings.Join(append(slices.Clone(allowed.Env), variable.Name), ", ")),
				fmt.Sprintf("%s does not allow the variable %s for the command %s", c.title(), variable.Name, name)))
		}
	}
	return problems
}

// otherVariables are those that a workflow gives to a command and must not.
func otherVariables(allowed steps.AllowedCommand, env *engine.Value) (other []engine.Named[*engine.Value]) {
	if env == nil {
		return nil
	}
	for _, variable := range env.Keys {
		if !slices.Contains(allowed.Env, variable.Name) {
			other = append(other, variable)
		}
	}
	return other
}

func (c *configuration) title() string {
	return cmp.Or(c.file, "the configuration, of which there is none,")
}

// allowHint is what to write so that a command is allowed.
func (c *configuration) allowHint(name string) string {
	switch {
	case len(c.commands) > 0:
		return "it allows: " + steps.AllowedNames(c.commands)
	case path.IsAbs(name):
		return fmt.Sprintf("write in %s: allow: { exec: [ %s ] }", defaultConfig, name)
	}
	return fmt.Sprintf("write in %s: allow: { exec: [ { name: %s, path: /… } ] }", defaultConfig, name)
}

// checkUses holds what a workflow names and the configuration defines against it.
func (c *configuration) checkUses(p *engine.Program) engine.Problems {
	return append(c.checkHubs(p), c.checkCommands(p)...)
}
