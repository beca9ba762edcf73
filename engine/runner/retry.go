package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// A DoubtError says that a retry would repeat what must not happen twice and may have happened. Nothing was done.
type DoubtError struct {
	Run    string
	Doubts []engine.Doubt
}

func (e *DoubtError) Error() string {
	lines := []string{fmt.Sprintf("run %s is not retried, since this may have happened and would be done again:", e.Run)}
	for _, d := range e.Doubts {
		lines = append(lines, "  "+d.String())
	}
	return strings.Join(lines, "\n")
}

// Retry begins a new run of one that failed or was cancelled, of the same sources and inputs, in which all that was
// done and still holds is kept; see engine.Retrace. again names steps of delivery once that may be repeated
// although they may have happened; hosts are where the hubs are now; by is who asks. A *DoubtError: there are others. A
// *journal.RetriedError: the run has been tried again already. A *journal.FullError as from StartAs: like every run it needs
// the slot of its program's `concurrency`. Else the error is that the run cannot be retried, or the journal's.
func (r *Runner) Retry(ctx context.Context, run string, again []string, hosts map[string]string, by string) (*Handle, error) {
	line, past, err := r.load(ctx, run)
	if err != nil {
		return nil, err
	}
	p, err := r.programOf(ctx, line)
	if err != nil {
		return nil, err
	}
	began, start := eventTime(r.config.Clock.Now()), *past[0].Start
	start.ID, start.RetryOf, start.Hosts, start.By, start.Queued = journal.NewID(began), run, hosts, by, false
	started := engine.Event{Time: began, Kind: engine.RunStarted, Start: &start}
	kept, doubts, err := engine.Retrace(p, started, past, again)
	if err != nil {
		return nil, err
	}
	if len(doubts) > 0 {
		return nil, &DoubtError{Run: run, Doubts: doubts}
	}
	events := append([]engine.Event{started}, kept...)
	for i := range events {
		events[i].Seq = int64(i) + 1
	}
	return r.start(ctx, p, Admission{}, events...)
}
