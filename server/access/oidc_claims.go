package access

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostRoles bounds what is kept of a token; it is far above what issuers put into one.
const mostRoles = 200

// longestName bounds a name in the audit trail.
const longestName = 128

// roles are what a token's claims mean here.
func (v *verifier) roles(claims map[string]any) []string {
	var roles []string
	for _, value := range texts(claim(claims, v.settings.RolesClaim)) {
		meaning := v.settings.Roles[value]
		if len(v.settings.Roles) == 0 {
			meaning = []string{value}
		}
		for _, role := range meaning {
			if !slices.Contains(roles, role) && len(roles) < mostRoles {
				roles = append(roles, role)
			}
		}
	}
	return roles
}

// name is who a token is about; empty if it does not say so.
func (v *verifier) name(claims map[string]any) string {
	names := []string{"preferred_username", "email", "sub"}
	if v.settings.NameClaim != "" {
		names = []string{v.settings.NameClaim}
	}
	for _, name := range names {
		if text, ok := claim(claims, name).(string); ok && strings.TrimSpace(text) != "" {
			return readable(text)
		}
	}
	return ""
}

// claim is what stands in a token under a name. A claim of exactly this name counts before a path, since some issuers name theirs like
// URLs, which have dots.
func claim(claims map[string]any, path string) any {
	if value, ok := claims[path]; ok {
		return value
	}
	var value any = claims
	for part := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[part]
	}
	return value
}

// texts are the values of a claim: a list of texts, or one text with spaces in between, as in scope.
func texts(value any) []string {
	var list []string
	switch value := value.(type) {
	case string:
		list = strings.Fields(value)
	case []any:
		for _, item := range value {
			if text, ok := item.(string); ok && text != "" {
				list = append(list, text)
			}
		}
	}
	return list
}

// readable is a name without what would write over a terminal or turn a line around.
func readable(name string) string {
	name = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return utf8.RuneError
	}, strings.TrimSpace(name))
	if runes := []rune(name); len(runes) > longestName {
		return string(runes[:longestName-1]) + "…"
	}
	return name
}
