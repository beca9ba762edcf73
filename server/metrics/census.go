package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Counts are how many runs of a journal have not ended, whoever drives them. Those that wait for something are among
// them, and among each other.
type Counts struct {
	Unfinished int
	Queued     int // they wait for their turn
	Parked     int // they only wait: for a time, or for something outside
	Approval   int // somebody has to approve something
	Orphans    int // no process drives them
}

const (
	// countsKept is for how long an answer of the journal is good enough: however often somebody scrapes, the journal is
	// not asked more often.
	countsKept = 5 * time.Second

	// countsLimit is how long a scrape waits for the journal. One that cannot answer must not hide the other numbers.
	countsLimit = 2 * time.Second
)

// A census asks the journal how many runs there are when somebody scrapes. If it does not answer, the numbers are
// missing from that scrape: old ones would look as if all were well.
type census struct {
	ask    func(context.Context) (Counts, error)
	failed prometheus.Counter

	unfinished, queued, parked, approval, orphans *prometheus.Desc

	mu    sync.Mutex // guards what follows, and lets one ask for all
	asked time.Time
	known Counts
	err   error
}

func newCensus(r prometheus.Registerer, ask func(context.Context) (Counts, error)) *census {
	about := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &census{
		ask:        ask,
		failed:     counter(r, "twinbook_journal_count_errors_total", "Times that the journal did not say how many runs there are; the numbers of runs are missing then.").WithLabelValues(),
		unfinished: about("twinbook_runs_unfinished", "Runs in the journal that have not ended: under way, waiting or left behind."),
		queued:     about("twinbook_runs_queued", "Runs in the journal that wait for their turn."),
		parked:     about("twinbook_runs_parked", "Runs in the journal that only wait, for a time, for something outside or for their turn."),
		approval:   about("twinbook_runs_awaiting_approval", "Runs in the journal in which somebody has to approve something."),
		orphans:    about("twinbook_runs_orphaned", "Runs in the journal that have not ended, and that no living process drives."),
	}
}

// Describe and Collect make it a prometheus.Collector.
func (c *census) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.unfinished, c.queued, c.parked, c.approval, c.orphans} {
		to <- d
	}
}

func (c *census) Collect(to chan<- prometheus.Metric) {
	counts, err := c.counts()
	if err != nil {
		return
	}
	tell := func(d *prometheus.Desc, n int) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	tell(c.unfinished, counts.Unfinished)
	tell(c.queued, counts.Queued)
	tell(c.parked, counts.Parked)
	tell(c.approval, counts.Approval)
	tell(c.orphans, counts.Orphans)
}

func (c *census) counts() (Counts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.asked.IsZero() || now.Sub(c.asked) >= countsKept {
		ctx, cancel := context.WithTimeout(context.Background(), countsLimit)
		defer cancel()
		c.known, c.err = c.ask(ctx)
		c.asked = time.Now()
		if c.err != nil {
			c.failed.Inc()
		}
	}
	return c.known, c.err
}
