package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/server/access"
)

// tokenCommand makes a token. It is shown once and kept nowhere.
func (a *app) tokenCommand() *cobra.Command {
	var roles []string
	c := &cobra.Command{
		Use:   "token NAME",
		Short: "Make a token for somebody who is to use the server",
		Long: "Makes a token and prints it on stdout, this once: it is kept nowhere. What belongs into the configuration, under\n" +
			"serve: tokens:, goes to stderr: it has the token's hash, from which nobody can make the token.",
		Example: "  twinbook serve token ci --role operator > ci.token",
		Args:    exactly("the NAME of who is to have the token"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.makeToken(args[0], roles) },
	}
	c.Flags().StringArrayVar(&roles, "role", []string{access.Operator}, "viewer, operator, admin, or a role that a workflow's approve asks for; may be repeated")
	return c
}

func (a *app) makeToken(name string, roles []string) error {
	token, hash := access.NewToken()
	if _, err := access.New(access.Config{Tokens: []access.Token{{Name: name, Hash: hash, Roles: roles}}}); err != nil {
		return err
	}
	words := make([]string, len(roles))
	for i, role := range roles {
		if words[i] = yamlWord(role); role == "" {
			return fmt.Errorf("--role is given an empty name; name viewer, operator or admin")
		}
	}
	if !slices.ContainsFunc(roles, isBuiltIn) {
		fmt.Fprintf(a.err, "note: %s may do nothing but answer the approve steps that ask for %s: viewer, operator and admin are the roles that let somebody in\n\n", name, orWords(roles))
	}
	fmt.Fprintln(a.out, token)
	fmt.Fprintf(a.err, "This is shown once. In %s, under serve: tokens:\n\n    - { name: %s, hash: %q, roles: [%s] }\n", defaultConfig, yamlWord(name), hash, strings.Join(words, ", "))
	return nil
}

// isBuiltIn says whether a role lets somebody do something by itself.
func isBuiltIn(role string) bool {
	return role == access.Viewer || role == access.Operator || role == access.Admin
}

// plainYAML is text that YAML takes for nothing else.
var plainYAML = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func yamlWord(text string) string {
	if plainYAML.MatchString(text) {
		return text
	}
	return fmt.Sprintf("%q", text)
}
