package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine/journal"
)

// Holders says why a queued run waits, slot by slot.
func (j openJournal) Holders(ctx context.Context, run string) ([]journal.Holding, error) {
	return j.Journal.(interface {
		Holders(ctx context.Context, run string) ([]journal.Holding, error)
	}).Holders(ctx, run)
}

// whyQueued says what a queued run waits for, such as: all places of "device-1" are taken by run X. It names the runs that
// nobody drives: they go on holding their places.
func (j openJournal) whyQueued(ctx context.Context, run string) (string, error) {
	holdings, err := j.Holders(ctx, run)
	if err != nil {
		return "", err
	}
	left := map[string]bool{}
	for _, h := range holdings {
		for _, holder := range h.Runs {
			line, err := j.Run(ctx, holder)
			left[holder] = err == nil && line.Status == "" && line.Driver == ""
		}
	}
	parts := make([]string, len(holdings))
	for i, h := range holdings {
		parts[i] = holdingText(h, left)
	}
	if len(parts) == 0 {
		return "its turn has come", nil
	}
	return strings.Join(parts, "; "), nil
}

// holdingText is a slot that a run waits for. left are runs that nobody drives.
func holdingText(h journal.Holding, left map[string]bool) string {
	text := fmt.Sprintf("a place of %q is to come", h.Key)
	if len(h.Runs) > 0 {
		names := make([]string, len(h.Runs))
		for i, run := range h.Runs {
			if names[i] = run; left[run] {
				names[i] += " (left behind)"
			}
		}
		runs := "run "
		if len(names) > 1 {
			runs = "runs "
		}
		text = fmt.Sprintf("all places of %q are taken by %s%s", h.Key, runs, strings.Join(names, ", "))
	}
	switch {
	case h.Ahead == 1:
		text += ", and 1 run waits before it"
	case h.Ahead > 1:
		text += fmt.Sprintf(", and %d runs wait before it", h.Ahead)
	}
	return text
}
