package engine

import (
	"fmt"
	"maps"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// eachRun runs its steps once for each item of a list, some at the same time.
type eachRun struct {
	r       *Run
	each    *ForEach
	path    Address
	scope   *scope
	done    func(result)
	items   []any
	window  int
	next    int
	active  map[int]*seqRun
	results []any
	outcome []result
	closing bool // no further item is started
	over    bool
	gate    gate
	cut     *cause
}

func startForEach(r *Run, each *ForEach, path Address, s *scope, done func(result)) *eachRun {
	run := &eachRun{r: r, each: each, path: path, scope: s, done: done, active: map[int]*seqRun{}}
	items, err := each.list(s)
	window := 1.0
	if err == nil {
		window, err = s.count(each.Concurrency, "concurrency", 1)
	}
	if err != nil {
		r.post(func() { done(result{status: Failed, err: err}) })
		return run
	}
	run.items, run.window = items, int(min(window, float64(len(items))))
	run.results, run.outcome = make([]any, len(items)), make([]result, len(items))
	r.post(run.fill)
	return run
}

func (each *ForEach) list(s *scope) ([]any, *Error) {
	if each.In == nil {
		value, err := each.Items.evalAt(s.env(), nullIsError, "in")
		if err != nil {
			return nil, valueFailure(err)
		}
		return value.([]any), nil
	}
	value, err := evalJSON(each.In, s.env(), "in")
	if err != nil {
		return nil, valueFailure(err)
	}
	list, ok := value.([]any)
	if !ok {
		return nil, &Error{Kind: KindExpression, Where: each.In.Pos.String(),
			Message: fmt.Sprintf("in: expected a list, %s is %s%s", expr.Shorten(each.In.Source, 120), expr.Describe(value), each.In.Expr.MissingNote(s.env()))}
	}
	return list, nil
}

// fill starts items while there is room, or ends the loop.
func (p *eachRun) fill() {
	for !p.closing && len(p.active) < p.window && p.next < len(p.items) {
		if p.r.holds(&p.gate, p.fill) {
			return
		}
		p.startItem(p.next)
		p.next++
	}
	if !p.over && len(p.active) == 0 && (p.closing || p.next == len(p.items)) {
		p.over = true
		p.finish()
	}
}

func (p *eachRun) startItem(i int) {
	inner := p.scope.body(map[string]any{p.each.As: p.items[i], "index": float64(i)})
	path := p.path.item(i)
	seq := newSeq(p.r, p.each.Steps, path, inner, func(res result) { p.itemDone(i, inner, res) })
	p.active[i] = seq
	p.r.note(Note{Kind: NoteItemStarted, At: path, Value: p.items[i]})
	seq.start()
}

func (p *eachRun) itemDone(i int, inner *scope, res result) {
	delete(p.active, i)
	p.outcome[i] = result{status: res.status, err: res.err, end: res.end, effect: res.effect}
	p.results[i] = p.itemRecord(i, res, recordsJSON(inner.records))
	p.r.note(Note{Kind: NoteItemEnded, At: p.path.item(i), Status: res.outcome(), Error: res.err, Value: p.items[i]})
	if !p.closing && (res.end != nil || res.status == Failed && p.each.FailFast) {
		p.close(cause{text: fmt.Sprintf("item %d ended the loop", i)})
	}
	p.r.post(p.fill)
}

func (p *eachRun) itemRecord(i int, res result, steps any) map[string]any {
	record := map[string]any{"item": p.items[i], "index": float64(i), "outcome": string(res.outcome()), "steps": steps}
	res.err.recordIn(record)
	return record
}

// close starts no further item and ends those under way, in the order of the list.
func (p *eachRun) close(why cause) {
	p.closing = true
	for i := range p.next {
		if seq := p.active[i]; seq != nil {
			seq.cancel(why)
		}
	}
}

func (p *eachRun) finish() {
	sum := newSum(p.cut)
	for i := range p.items {
		if p.results[i] == nil {
			p.results[i] = p.itemRecord(i, result{status: Skipped}, map[string]any{})
			continue
		}
		sum.add(p.outcome[i], func() string { return itemText(i, p.items[i]) })
	}
	p.done(sum.result(map[string]any{"results": p.results}))
}

// itemText is how an item of a loop is named to people.
func itemText(i int, item any) string {
	return fmt.Sprintf("item %d (%s)", i, expr.Shorten(expr.CompactJSON(item), 60))
}

func (p *eachRun) cancel(why cause) {
	if p.cut != nil {
		return
	}
	p.cut = &why
	p.close(why)
	p.r.post(p.fill)
}

// recordsJSON makes step records plain JSON, as they are seen from outside their scope: all but their
// times is so already.
func recordsJSON(records map[string]any) any {
	all := make(map[string]any, len(records))
	for id, record := range records {
		plain := maps.Clone(record.(map[string]any))
		for _, name := range []string{"startedAt", "finishedAt"} {
			plain[name] = plain[name].(time.Time).UTC().Format(expr.TimeLayout)
		}
		all[id] = plain
	}
	return all
}
