package query

import (
	"slices"
	"strings"
)

// keywords of the language.
var keywords = []string{
	"SELECT", "TOP", "FROM", "WHERE", "GROUP", "BY", "AS", "AND", "OR", "NOT", "IN", "NIN",
	"TRUE", "FALSE", "NULL", "UNDEFINED",
}

// isReserved reports whether word cannot begin a path. No document has such a first-level member.
func isReserved(word string) bool {
	return isKeyword(word) || missing[strings.ToUpper(word)] != ""
}

func isKeyword(word string) bool { return slices.Contains(keywords, strings.ToUpper(word)) }

// missing is what people know from other languages and write here, with what to do instead.
var missing = map[string]string{
	"ORDER":    "there is no ORDER BY: sort the rows after the query",
	"JOIN":     "there is no JOIN: a query reads one collection",
	"INNER":    "there is no JOIN: a query reads one collection",
	"LEFT":     "there is no JOIN: a query reads one collection",
	"LIKE":     "there is no LIKE: use STARTSWITH or ENDSWITH",
	"BETWEEN":  "there is no BETWEEN: write x >= a AND x <= b",
	"LIMIT":    "there is no LIMIT: write SELECT TOP n",
	"OFFSET":   "there is no OFFSET: follow the continuation from page to page",
	"DISTINCT": "there is no DISTINCT: use GROUP BY",
	"HAVING":   "there is no HAVING: filter the rows after the query",
	"UNION":    "there is no UNION: run two queries",
	"EXISTS":   "there is no EXISTS: use IS_DEFINED",
	"IS":       "there is no IS: use IS_DEFINED",
	"CASE":     "there is no CASE",
	"SELECT":   "there are no sub-queries",
	"==":       "equality is a single =",
	"&&":       "write AND",
	"||":       "write OR",
	"!":        "write NOT",
}

// hint is what missing says about a token, ready to be added to a message.
func hint(t token) string {
	if t.kind != tokenName && t.kind != tokenSymbol {
		return ""
	}
	if h := missing[strings.ToUpper(t.text)]; h != "" {
		return " (" + h + ")"
	}
	return ""
}
