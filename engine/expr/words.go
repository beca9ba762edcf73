package expr

import (
	"fmt"
	"strings"
	"time"
)

// Describe names the kind of a JSON value as people say it: "the number 3", "an object".
func Describe(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprintf("the boolean %v", value)
	case float64:
		return "the number " + CompactJSON(value)
	case string:
		return "the text " + CompactJSON(Shorten(value, 60))
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case time.Time:
		return "the time " + value.UTC().Format(TimeLayout)
	case time.Duration:
		return "the duration " + FormatDuration(value)
	}
	return fmt.Sprintf("a %T", value)
}

// valueWord says what a value is: "the number 3", "the version 1.2.0".
func valueWord(value any) string {
	switch kindOf(value) {
	case Number:
		return Describe(number(value))
	case Version:
		return "the version " + value.(version).text
	case Object:
		return "an object"
	}
	return Describe(value)
}

// Show is a JSON value for people: on one line and not too long.
func Show(value any) string { return Shorten(CompactJSON(value), 120) }

// Shorten cuts a text to at most n characters.
func Shorten(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// OrList is "a, b or c".
func OrList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
