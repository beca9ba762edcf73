package journal

import "github.com/twinbook/twinbook/engine"

// An admission is what is asked for with a run.
type admission struct {
	marks   []Mark
	fire    *Fire
	nominal int64
	slots   []engine.Slot
	waiting *appending // what is kept in place of the beginning if the run has to wait
}

// newAdmission is nil for a run that asks for nothing.
func newAdmission(b Beginning, line Run) (*admission, error) {
	if len(b.Marks) == 0 && b.Fire == nil && len(b.Slots) == 0 {
		return nil, nil
	}
	a := &admission{fire: b.Fire, slots: b.places()}
	var err error
	if a.marks, err = b.marks(line); err != nil {
		return nil, err
	}
	if b.Fire != nil {
		if a.nominal, err = nanos(b.Fire.Nominal); err != nil {
			return nil, refuse(line.ID, err)
		}
	}
	if len(a.slots) > 0 {
		q := b.queued()
		a.waiting, err = newAppending(line.ID, q.Events, q.Standing)
	}
	return a, err
}

// admitted is what is kept of the run, which depends on whether it has to wait; an error if it must not be begun. Nothing is
// changed yet.
func (b *beginning) admitted(t *transaction) (*appending, error) {
	b.queued = false
	if b.admission == nil {
		return &b.appending, nil
	}
	for _, m := range b.marks {
		if err := t.unmarked(m); err != nil {
			return nil, err
		}
	}
	queued, err := t.outlook(b.slots)
	if err != nil || !queued {
		return &b.appending, err
	}
	b.queued = true
	return b.waiting, nil
}

// enter keeps what was asked for with the run.
func (b *beginning) enter(t *transaction, s *state) error {
	if b.admission == nil {
		return nil
	}
	for _, m := range b.marks {
		if err := t.mark(m); err != nil {
			return err
		}
	}
	if b.fire != nil {
		if _, err := t.deal(b.fire.Schedule, b.nominal); err != nil {
			return err
		}
	}
	s.slots = len(b.slots) > 0
	_, err := t.take(s.key, b.slots, b.started)
	return err
}
