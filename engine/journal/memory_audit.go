package journal

import (
	"context"
	"slices"
)

// Audit notes who did what.
func (m *Memory) Audit(e AuditEntry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.Seq, e.Time, e.Roles = int64(len(m.audit))+1, utc(e.Time), append([]string{}, e.Roles...)
	m.audit = append(m.audit, e)
}

// AuditTrail gives the entries that a filter lets through, the latest first.
func (m *Memory) AuditTrail(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []AuditEntry{}
	for _, e := range slices.Backward(m.audit) {
		if f.lets(e) {
			e.Roles = slices.Clone(e.Roles)
			all = append(all, e)
		}
		if f.Limit > 0 && len(all) == f.Limit {
			break
		}
	}
	return all, nil
}

func (f AuditFilter) lets(e AuditEntry) bool {
	return (f.Before == 0 || e.Seq < f.Before) && (f.Who == "" || f.Who == e.Who) && (f.Target == "" || f.Target == e.Target) && !e.Time.Before(f.Since)
}

// Counts says how many runs have not ended.
func (m *Memory) Counts(ctx context.Context) (Counts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n Counts
	for _, run := range m.order {
		if !run.line.Ended.IsZero() {
			continue
		}
		n.Unfinished++
		s := run.line.Standing
		n.Queued += int(number(s.Queued))
		n.Parked += int(number(s.Parked))
		n.Approval += int(number(s.Approval))
	}
	return n, nil
}

// Orphans says how many runs have no living process that drives them: none, as this process drives all.
func (m *Memory) Orphans(ctx context.Context) (int, error) { return 0, nil }
