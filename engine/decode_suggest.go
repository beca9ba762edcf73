package engine

import (
	"maps"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// nearest is the word that was probably meant, or nothing. Nobody mistypes a word of 60 letters,
// and comparing it would cost.
func nearest(word string, among []string) string {
	if len(word) > 60 {
		return ""
	}
	return expr.Closest(word, among)
}

// Meant is the hint for a word that a file uses and that is not among those allowed.
func Meant(word string, allowed []string) string {
	if near := nearest(word, allowed); near != "" {
		return "did you mean " + near + "?"
	}
	switch {
	case len(allowed) == 0:
		return ""
	case len(allowed) > 30:
		return "allowed are " + strings.Join(allowed[:30], ", ") + ", …"
	}
	return "allowed: " + strings.Join(allowed, ", ")
}

// sortedKeys are the keys of a map in alphabetical order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
