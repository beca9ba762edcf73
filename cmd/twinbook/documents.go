package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// documents is what --output json says of runs at the end: all that the journal has of them by now. w is where they went
// on; nil: nowhere.
func (k control) documents(ctx context.Context, w *world, ids []string) error {
	if k.format != "json" {
		return nil
	}
	all := struct {
		Runs []documentJSON `json:"runs"`
	}{[]documentJSON{}}
	programs := map[string]*engine.Program{}
	ctx = context.WithoutCancel(ctx)
	for _, id := range ids {
		run, err := k.journal.Run(ctx, id)
		if err != nil {
			return err
		}
		d, err := k.document(ctx, w, run, programs)
		if err != nil {
			return err
		}
		all.Runs = append(all.Runs, d)
	}
	writeJSON(k.out, all)
	return nil
}

func (k control) document(ctx context.Context, w *world, run journal.Run, programs map[string]*engine.Program) (documentJSON, error) {
	p, err := k.stored(ctx, run, programs)
	if err != nil {
		return documentJSON{}, err
	}
	events, err := k.journal.Events(ctx, run.ID, 0)
	if err != nil || len(events) == 0 || events[0].Start == nil {
		return documentJSON{}, err
	}
	s, last := summary{header: header{start: *events[0].Start, began: events[0].Time}}, events[len(events)-1]
	s.ended = last.Time
	d := documentJSON{Run: runOf(s.start, hubsNow(w, s.start, p)), Steps: []stepJSON{}}
	if last.End != nil {
		s.outcome = *last.End
		d.endJSON = endOf(s)
	} else {
		d.endJSON = leftOf(s, "")
	}
	for _, n := range notesOf(p, events) {
		if n.Kind == engine.NoteStepEnded {
			d.Steps = append(d.Steps, stepOf(&n))
		}
	}
	return d, nil
}

// hubsNow are the hubs that a run goes on with in w, or else those it began with.
func hubsNow(w *world, start engine.RunStart, p *engine.Program) []openHub {
	if w != nil {
		if _, ok := w.open[start.Hub]; ok {
			return w.hubsOf(start.Hub, p)
		}
	}
	return hubsThen(start)
}

// hubsThen are the hubs that a run could touch when it began, its own first.
func hubsThen(start engine.RunStart) []openHub {
	names := slices.Sorted(maps.Keys(start.Hosts))
	slices.SortStableFunc(names, func(a, b string) int {
		switch start.Hub {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	hubs := make([]openHub, len(names))
	for i, name := range names {
		title := start.Hosts[name]
		hubs[i] = openHub{name: name, title: title, real: !strings.HasPrefix(title, simulatorTitle)}
	}
	return hubs
}
