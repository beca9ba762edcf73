package journal

import (
	"context"
	"database/sql/driver"
	"math"
	"time"
)

// Retention says how long runs that have ended are kept; its zero value: for ever. A run goes with its child runs, and
// never before all of them have ended.
type Retention struct {
	Age  time.Duration // since it ended; zero: any
	Runs int           // how many, the latest, child runs not counted; zero: all

	Audit time.Duration // how long it is known who did what; zero: for ever
}

// tidyEvery is how often what is not to be kept any longer is looked for.
const tidyEvery = time.Minute

// breath is left to others between two slices.
const breath = 5 * time.Millisecond

// tidy removes what nobody needs, in the background, until ctx ends. An error is no matter: the next time may go well,
// and who must write meets the same trouble sooner.
func (s *SQLite) tidy(ctx context.Context) {
	for wait := 100 * time.Millisecond; sleep(ctx, wait); wait = tidyEvery {
		if s.retain(ctx) == nil && s.retainAudit(ctx) == nil {
			s.sweep(ctx)
		}
	}
}

// atLast is how long a process tidies up when it ends.
const atLast = 50 * time.Millisecond

// tidyAtLast has processes that are shorter than tidy's waits remove what is too much, too: where all are, nobody else
// would. Those that have driven nothing have added nothing.
func (s *SQLite) tidyAtLast() {
	if s.seated.Load() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(s.background, atLast)
	defer cancel()
	s.retain(ctx) // as in tidy
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// retain removes runs that are too old or too many.
func (s *SQLite) retain(ctx context.Context) error {
	keep := s.options.Keep
	if keep.Age > 0 {
		before := wakeOf(time.Now().Add(-keep.Age))
		if err := s.removeOld(ctx, before, math.MaxInt64, before); err != nil {
			return err
		}
	}
	if keep.Runs <= 0 {
		return nil
	}
	var oldest []driver.Value // of those to be removed, the latest
	err := s.read(ctx, func(c *conn) (err error) {
		oldest, err = c.first("SELECT started, key FROM runs INDEXED BY runs_ended WHERE ended IS NOT NULL AND parent = '' ORDER BY started DESC, key DESC LIMIT 1 OFFSET ?", int64(keep.Runs))
		return err
	})
	if err != nil || oldest == nil {
		return err
	}
	return s.removeOld(ctx, oldest[0].(int64), oldest[1].(int64), math.MaxInt64)
}

// removeOld removes the runs up to one in the list that ended before a time, but for those with children that have not.
func (s *SQLite) removeOld(ctx context.Context, started, key, before int64) error {
	fromStarted, fromKey := int64(math.MinInt64), int64(0)
	for {
		var ids []string
		err := s.read(ctx, func(c *conn) error {
			return c.query(ctx, func(row []driver.Value) error {
				ids = append(ids, row[0].(string))
				fromStarted, fromKey = row[1].(int64), row[2].(int64)
				return nil
			}, `SELECT id, started, key FROM runs INDEXED BY runs_ended WHERE ended IS NOT NULL AND parent = ''
				AND (started, key) > (?, ?) AND (started, key) <= (?, ?) AND ended < ? ORDER BY started, key LIMIT ?`,
				fromStarted, fromKey, started, key, before, int64(pageLength))
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.removeIfOver(ctx, id); err != nil {
				return err
			}
		}
		if len(ids) < pageLength {
			return nil
		}
	}
}

// removeIfOver removes a run, slowly, unless one below it has not ended.
func (s *SQLite) removeIfOver(ctx context.Context, run string) error {
	err := s.read(ctx, func(c *conn) error { return c.removable(ctx, run, 0) })
	if err != nil && codeOf(err) == 0 {
		return nil
	}
	for err == nil {
		r := &removing{run: run}
		if err = s.write(ctx, r); r.over {
			break
		}
		sleep(ctx, breath)
	}
	return err
}
