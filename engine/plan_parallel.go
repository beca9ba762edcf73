package engine

import "fmt"

// parallelRun runs branches at the same time.
type parallelRun struct {
	r        *Run
	parallel *Parallel
	branches []*seqRun
	results  []*result
	open     int
	done     func(result)
	cut      *cause
}

func startParallel(r *Run, p *Parallel, path Address, s *scope, done func(result)) *parallelRun {
	run := &parallelRun{r: r, parallel: p, open: len(p.Branches), results: make([]*result, len(p.Branches)), done: done}
	for i, b := range p.Branches {
		seq := newSeq(r, b.Value, path.child(b.Name), s, func(res result) { run.branchDone(i, res) }).of(path)
		run.branches = append(run.branches, seq)
		seq.start()
	}
	if run.open == 0 {
		r.post(func() { done(succeeded) })
	}
	return run
}

func (p *parallelRun) branchDone(i int, res result) {
	p.results[i] = &res
	p.open--
	if res.end != nil || res.status == Failed && p.parallel.FailFast {
		p.stop(cause{text: fmt.Sprintf("branch %s ended the others", p.parallel.Branches[i].Name)})
	}
	if p.open == 0 {
		p.done(p.result())
	}
}

// stop ends the branches that have not ended, in the order of the file.
func (p *parallelRun) stop(why cause) {
	for i, b := range p.branches {
		if p.results[i] == nil {
			b.cancel(why)
		}
	}
}

// result is decided in the order of the file, not of arrival, so that a restart tells the same story.
func (p *parallelRun) result() result {
	sum := newSum(p.cut)
	branches := make(map[string]any, len(p.results))
	for i, b := range p.parallel.Branches {
		res := *p.results[i]
		record := map[string]any{"outcome": string(res.outcome())}
		res.err.recordIn(record)
		branches[b.Name] = record
		sum.add(res, func() string { return "branch " + b.Name })
	}
	return sum.result(map[string]any{"branches": branches})
}

func (p *parallelRun) cancel(why cause) {
	if p.cut == nil {
		p.cut = &why
		p.stop(why)
	}
}
