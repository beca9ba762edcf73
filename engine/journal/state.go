package journal

import (
	"database/sql/driver"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A state is what the writer knows of a run, so that it need not ask the file at each append.
type state struct {
	key      int64
	last     int64 // the number of the latest event
	head     int64 // the key of the row it is in
	ended    bool
	ours     bool // this process drives it
	standing Standing
	parent   string
	devices  []string // some that it did something with
	sights   bool     // some were kept
	slots    bool     // it holds some, or waits for one
	listed   bool     // table heads has its head
	moved    bool     // it is to have it at the end of the transaction
}

// manyStates is how many runs may be under way before some are forgotten.
const manyStates = 20_000

// state is that of a run; ErrNotFound.
func (t *transaction) state(run string) (*state, error) {
	w := t.writer
	if s := w.states[run]; s != nil {
		return s, nil
	}
	row, err := t.c.first(`SELECT r.key, r.ended IS NOT NULL, `+standingColumns+`, r.parent,
		`+ownerOf+`, EXISTS (SELECT 1 FROM sights WHERE run = r.key), EXISTS (SELECT 1 FROM slots WHERE run = r.key), `+headOf+`
		FROM runs r WHERE id = ?`, run)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, refuse(run, ErrNotFound)
	}
	s := &state{
		key: row[0].(int64), ended: isTrue(row[1]), standing: standingOf(row[2:8]), parent: row[8].(string),
		sights: isTrue(row[10]), slots: isTrue(row[11]), head: row[12].(int64), listed: true,
	}
	owner, _ := row[9].(int64)
	s.ours = owner != 0 && owner == t.seat()
	if row, err = t.c.first("SELECT seq + n - 1 FROM events WHERE key = ? AND run = ?", s.head, s.key); err != nil {
		return nil, err
	}
	if row == nil {
		return nil, refuse(run, errDamaged)
	}
	s.last = row[0].(int64)
	w.states[run] = s
	return s, nil
}

// forgetSome forgets some states if there are too many.
func (w *writer) forgetSome() {
	if len(w.held) > manyStates {
		clear(w.held)
	}
	if len(w.states) <= manyStates {
		return
	}
	n := 0
	for run := range w.states {
		if n++; n > manyStates/4 {
			break
		}
		delete(w.states, run)
	}
}

// ownerOf is the driver that a run belongs to, if it is not gone.
const ownerOf = `(SELECT CASE WHEN d.gone = 0 THEN d.key ELSE (SELECT h.key FROM drivers h WHERE h.key = d.heir AND h.gone = 0) END
	FROM drivers d WHERE d.key = r.driver)`

// headOf is the key of a run's last row of events.
const headOf = "coalesce((SELECT head FROM heads WHERE run = r.key), r.head)"

// isTrue reads SQLite's truth.
func isTrue(v driver.Value) bool { return v.(int64) != 0 }

// standingColumns are those that standingOf reads.
const standingColumns = "r.parked, r.alert, r.paused, r.wake, r.queued, r.approval"

func standingOf(row []driver.Value) Standing {
	s := Standing{Parked: isTrue(row[0]), Alert: isTrue(row[1]), Paused: isTrue(row[2]), Queued: isTrue(row[4]), Approval: isTrue(row[5])}
	if wake, ok := row[3].(int64); ok {
		s.Wake = timeOf(wake)
	}
	return s
}

func (s Standing) equal(other Standing) bool {
	wake := s.Wake.Equal(other.Wake)
	s.Wake, other.Wake = time.Time{}, time.Time{}
	return wake && s == other
}

// values are those of standingColumns.
func (s Standing) values() []driver.Value {
	var wake driver.Value
	if !s.Wake.IsZero() {
		wake = wakeOf(s.Wake)
	}
	return []driver.Value{number(s.Parked), number(s.Alert), number(s.Paused), wake, number(s.Queued), number(s.Approval)}
}

// wakeOf is a time as the file has it; those beyond its range are as far as it goes.
func wakeOf(t time.Time) int64 {
	if at, err := nanos(t); err == nil {
		return at
	}
	if t.Year() < 1970 {
		return 0
	}
	return 1<<63 - 1
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// touch notes the devices that events are about.
func (t *transaction) touch(s *state, devices []string) error {
	for _, device := range devices {
		if !s.knows(device) {
			if _, err := t.c.exec("INSERT OR IGNORE INTO devices VALUES (?, ?)", s.key, device); err != nil {
				return err
			}
		}
	}
	return nil
}

// knows says whether a device is noted; a few are remembered.
func (s *state) knows(device string) bool {
	const few = 8
	for _, d := range s.devices {
		if d == device {
			return true
		}
	}
	if len(s.devices) < few {
		s.devices = append(s.devices, device)
	}
	return false
}

// devicesOf are the devices that events are about, each once in a row.
func devicesOf(events []engine.Event) []string {
	var devices []string
	for _, e := range events {
		if e.Device != "" && (len(devices) == 0 || devices[len(devices)-1] != e.Device) {
			devices = append(devices, e.Device)
		}
	}
	return devices
}
