package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A block is events that were appended at once, as they are kept: one row.
type block struct {
	seq  int64 // the number of the first event
	n    int64 // how many there are
	sum  int64
	body []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeBlock(events []engine.Event) (block, error) {
	if len(events) == 0 {
		return block{}, nil
	}
	b := append(make([]byte, 0, 512), '[')
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendEvent(b, &events[i]); err != nil {
			return block{}, fmt.Errorf("%s at %q cannot be kept: %w", events[i].Kind, events[i].At, err)
		}
	}
	b = append(b, ']')
	return block{body: b, n: int64(len(events)), sum: sumOf(b)}, nil
}

func sumOf(body []byte) int64 { return int64(crc32.Checksum(body, castagnoli)) }

// decode gives the events of a block with their numbers.
func (b block) decode() ([]engine.Event, error) {
	if sumOf(b.body) != b.sum {
		return nil, errDamaged
	}
	events := make([]engine.Event, 0, b.n)
	if err := json.Unmarshal(b.body, &events); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if int64(len(events)) != b.n {
		return nil, errDamaged
	}
	for i := range events {
		events[i].Seq = b.seq + int64(i)
	}
	return events, nil
}

// errDamaged is about rows that are not as they were written.
var errDamaged = errors.New("this is not as it was written")

// nanos is a time as the file has it. Those of runs must lie within the range of 64 bits.
func nanos(t time.Time) (int64, error) {
	if t.Year() < 1678 || t.Year() > 2261 {
		return 0, fmt.Errorf("%s is no time that can be kept; the clock of this machine may be wrong", t)
	}
	return t.UnixNano(), nil
}

func timeOf(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }

// statusOf reads a status, so that equal ones share their memory.
func statusOf(text string) engine.Status {
	for _, s := range []engine.Status{engine.Succeeded, engine.Failed, engine.Skipped, engine.Cancelled} {
		if string(s) == text {
			return s
		}
	}
	return engine.Status(text)
}
