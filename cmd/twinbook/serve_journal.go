package main

import (
	"context"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/internal/record"
	"github.com/twinbook/twinbook/server"
	"github.com/twinbook/twinbook/server/metrics"
	"github.com/twinbook/twinbook/server/triggers"
)

// A servedJournal is what a server needs of its journal, be it a file or in memory.
type servedJournal interface {
	journal.Journal
	server.Journal
	schedule.Store
	triggers.Store
	Counts(ctx context.Context) (journal.Counts, error)
	Orphans(ctx context.Context) (int, error)
}

func (s *service) openServedJournal(ctx context.Context) error {
	opened, err := s.openJournalWith(ctx, s.settings.config, journal.Options{
		Keep:      s.settings.config.journal.kept(),
		Committed: s.committed,
	})
	if err != nil {
		return err
	}
	s.atEnd(opened.close)
	s.journal, s.journalFile = opened.Journal.(servedJournal), opened.file
	return nil
}

// committed is told of each commit, and of those that failed.
func (s *service) committed(c journal.Commit) {
	if c.Err == nil {
		s.metrics.Committed(c.Took, c.Tasks)
		if s.unwritten.Swap(nil) != nil {
			s.log.Info("the journal can be written again")
		}
		return
	}
	if _, unusable := journal.Unusable(c.Err); unusable && s.unwritten.Swap(&c.Err) == nil {
		s.log.Error("the journal cannot be written, so nothing begins and nothing goes on", "error", c.Err)
	}
}

// tryWriting finds out whether the journal can be written again after it could not: perhaps nobody else tries.
func (s *service) tryWriting(ctx context.Context) {
	if s.unwritten.Load() != nil {
		now := time.Now()
		s.journal.Mark(ctx, journal.Mark{Scope: "server", Name: now.Format(time.RFC3339Nano), Time: now, Until: now.Add(adoptEvery), Note: "the journal can be written again"}) // committed hears of it
	}
}

// openRunner makes what carries out runs. They reach what the server reaches, and leave memory while they only wait.
func (s *service) openRunner() {
	s.runner = runner.New(runner.Config{
		Clock: s.reach.clock, Journal: s.journal, Park: true, Observe: s.observe,
		Do: s.reach.do, Watch: s.reach.watch, Program: s.reach.Stored,
	})
}

// adoptEvery is how often runs are looked for whose process has died.
const adoptEvery = 5 * time.Second

// strangersEvery is how often, at least, all are looked at while some cannot go on here.
const strangersEvery = time.Minute

// adopt goes on with the runs that no living process drives: those of the server before, and later those of others that
// die. The server is ready once it has looked.
func (s *service) adopt(ctx context.Context) error {
	o := orphanage{service: s, strange: map[string]bool{}}
	tick := time.NewTicker(adoptEvery)
	defer tick.Stop()
	for {
		s.tryWriting(ctx)
		switch err := o.look(ctx); {
		case ctx.Err() != nil:
		case err != nil:
			s.log.Error("runs that nobody drives could not be taken up; they are looked for again", "error", err)
		default:
			s.becomeReady(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// An orphanage looks after runs that nobody drives.
type orphanage struct {
	*service
	strange map[string]bool // hubs that are not in the configuration, of which that has been said
	left    int             // runs that were left where they are in the last look
	looked  time.Time       // when that was
}

// look takes up what it can, also what was left here while the journal could not be written. Runs on hubs that the
// configuration does not have stay where they are: each of their steps would fail here, and may succeed where they began.
func (o *orphanage) look(ctx context.Context) error {
	n, err := o.journal.Orphans(ctx)
	if err != nil {
		return err
	}
	var known []string
	if n > 0 && (n != o.left || time.Since(o.looked) > strangersEvery) {
		o.looked = time.Now()
		if known, o.left, err = o.sort(ctx); err != nil {
			return err
		}
	} else if n == 0 {
		o.left = 0
	}
	if o.left == 0 {
		handles, err := o.runner.Recover(o.runs)
		o.wentOn(len(handles))
		return err
	}
	o.wentOn(len(o.runner.TakeUpAgain(o.runs)))
	for _, id := range known {
		if _, err := o.runner.TakeUp(o.runs, id); err != nil {
			o.log.Error("a run cannot go on", "run", id, "error", err)
			continue
		}
		o.wentOn(1)
	}
	return nil
}

func (o *orphanage) wentOn(runs int) {
	if runs > 0 {
		o.log.Info("runs go on that nobody drove", "runs", runs)
	}
}

// sort gives the orphans that can go on here, and counts the others.
func (o *orphanage) sort(ctx context.Context) (known []string, left int, err error) {
	for run, err := range record.Each(ctx, o.journal, journal.Filter{Unfinished: true}) {
		switch {
		case err != nil:
			return nil, 0, err
		case run.Driver != "":
		case o.reach.knows(run.Hub):
			known = append(known, run.ID)
		default:
			left++
			o.estranged(run)
		}
	}
	return known, left, nil
}

func (o *orphanage) estranged(run journal.Run) {
	if !o.strange[run.Hub] {
		o.strange[run.Hub] = true
		o.log.Warn("runs stay where they are, since the configuration does not have their hub", "hub", run.Hub, "run", run.ID)
	}
}

// counts are for the metrics.
func (s *service) counts(ctx context.Context) (metrics.Counts, error) {
	n, err := s.journal.Counts(ctx)
	return metrics.Counts{Unfinished: n.Unfinished, Queued: n.Queued, Parked: n.Parked, Approval: n.Approval, Orphans: n.Orphans}, err
}
