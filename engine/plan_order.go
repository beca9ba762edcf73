package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// SortEvents brings a batch into the order in which Next applies it.
func SortEvents(batch []Event) { slices.SortStableFunc(batch, eventOrder) }

func eventOrder(a, b Event) int {
	if start := a.Kind == RunStarted; start != (b.Kind == RunStarted) {
		if start {
			return -1
		}
		return 1
	}
	if a.Seq != 0 && b.Seq != 0 {
		return int(a.Seq - b.Seq)
	}
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	if c := strings.Compare(string(a.At), string(b.At)); c != 0 {
		return c
	}
	if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
		return c
	}
	return requestOrder(a, b)
}

// requestOrder is the order of wishes of the same kind and time that nobody has numbered.
func requestOrder(a, b Event) int {
	if c := cmp.Or(cmp.Compare(a.Request, b.Request), strings.Compare(a.By, b.By), strings.Compare(a.Reason, b.Reason)); c != 0 || a.Signal == nil || b.Signal == nil {
		return c
	}
	return strings.Compare(expr.CompactJSON(a.Signal.order()), expr.CompactJSON(b.Signal.order()))
}

// order is what tells one signal from another.
func (s *Signal) order() any { return []any{s.Name, s.Approved, s.Payload, strings.Join(s.Roles, " ")} }
