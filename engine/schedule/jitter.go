package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// due is when the run for one of the schedule's times begins: its jitter later, but not before those for earlier times.
func (s *Schedule) due(nominal time.Time) time.Time {
	due := nominal.Add(s.jitter(nominal))
	if s.Source.Jitter == 0 {
		return due
	}
	for t, ok := s.spec.Next(nominal.Add(-s.Source.Jitter), s.zone); ok && t.At.Before(nominal); t, ok = s.spec.Next(t.At, s.zone) {
		due = latest(due, t.At.Add(s.jitter(t.At)))
	}
	return due
}

// jitter is below the schedule's, and for the same time always the same, in every process.
func (s *Schedule) jitter(nominal time.Time) time.Duration {
	most := uint64(s.Source.Jitter / time.Millisecond)
	if most == 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(s.ID + " " + nominal.UTC().Format(time.RFC3339)))
	return time.Duration(binary.BigEndian.Uint64(sum[:])%most) * time.Millisecond
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
