package metrics

import (
	"slices"
	"strings"
	"sync"
)

const (
	// How many names of a kind have series of their own. A folder has some dozens of workflows; one of thousands, or a
	// journal in which people try out very many, must not become as many times thirty series.
	mostWorkflows = 1000
	mostActions   = 200
	mostHubs      = 100
	mostRoutes    = 200

	longestName = 100 // bytes
	other       = "other"
)

// names makes labels of names, of the first so many; the others are "other".
type names struct {
	most   int
	mu     sync.RWMutex // guards labels
	labels map[string]string
}

func newNames(most int) *names { return &names{most: most, labels: map[string]string{}} }

// label is what a name is called, and whether it is called that for the first time.
func (n *names) label(name string) (label string, first bool) {
	n.mu.RLock()
	label, known := n.labels[name]
	full := len(n.labels) >= n.most
	n.mu.RUnlock()
	switch {
	case known:
		return label, false
	case full:
		return other, false
	}
	return n.add(name)
}

func (n *names) add(name string) (label string, first bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if label, known := n.labels[name]; known {
		return label, false
	}
	if len(n.labels) >= n.most {
		return other, false
	}
	name = strings.Clone(name) // and not the text it was cut from
	label = name
	if len(label) > longestName {
		label = label[:longestName]
	}
	label = strings.ToValidUTF8(label, "")
	n.labels[name] = label
	return label, true
}

// oneOf is a word of a list, or "other".
func oneOf(word string, list []string) string {
	if slices.Contains(list, word) {
		return word
	}
	return other
}
