package engine

import "strings"

// nearest is the word that was probably meant, or nothing: at most a third of it may differ.
func nearest(word string, among []string) string {
	if len(word) > 60 {
		return ""
	}
	best, least := "", 1+max(1, (len(word)+1)/3)
	for _, candidate := range among {
		if strings.EqualFold(word, candidate) {
			return candidate
		}
		if d := editDistance(word, candidate, least); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swapped neighbours; it stops
// counting at limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}

// meant is the hint for a word that is not among those allowed.
func meant(word string, allowed []string) string {
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
