package journal

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine"
)

// exportVersion is that of the lines that Export writes.
const exportVersion = 1

// A record is a line of an export: one of its fields is set.
//
// The first line has Version. A Source comes before the first run whose files have it. After a Run come its events, each in
// a line, the last of which is RunEnded.
type record struct {
	Version int           `json:"twinbookRuns,omitempty"`
	Source  *sourceRecord `json:"source,omitempty"`
	Run     *runRecord    `json:"run,omitempty"`
	Event   *engine.Event `json:"event,omitempty"`
}

type sourceRecord struct {
	Hash  string `json:"hash"` // SHA-256 of the text, as hex digits
	Text  string `json:"text,omitempty"`
	Bytes []byte `json:"bytes,omitempty"` // in place of Text, if that is no UTF-8
}

// A runRecord says of a run what its first event does not.
type runRecord struct {
	ID    string       `json:"id"`
	Files []fileRecord `json:"files"`
}

type fileRecord struct {
	File   string `json:"file"`
	Source string `json:"source"` // the hash
}

// Export writes runs as JSON lines, for Import into another journal or for other tools: a line for the version, one
// for each source, which comes once, one for each run with its files, and one for each of its events. A run goes with its child runs, after it. ErrUnfinished:
// one of them has not ended; then nothing is written.
func (s *SQLite) Export(ctx context.Context, w io.Writer, runs ...string) error {
	for _, id := range runs {
		if err := s.exportable(ctx, id); err != nil {
			return err
		}
	}
	e := s.newExporter(w)
	return e.all(ctx, runs)
}

// ExportWhole is Export for as many runs as can be read: one that is damaged is left out, with its child runs, and so is
// one that was removed meanwhile. It gives how many of runs were written, and what is wrong with those left out.
func (s *SQLite) ExportWhole(ctx context.Context, w io.Writer, runs ...string) (n int, damaged []error, err error) {
	var good []string
	for _, id := range runs {
		switch err := s.exportable(ctx, id); {
		case isDamage(err):
			damaged = append(damaged, refuse(id, err))
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return 0, nil, err
		default:
			good = append(good, id)
		}
	}
	e := s.newExporter(w)
	e.leavesOut = true
	err = e.all(ctx, good)
	return e.tops, append(damaged, e.damaged...), err
}

// exportable says what is wrong if a run, or one below it, has not ended.
func (s *SQLite) exportable(ctx context.Context, id string) error {
	err := s.read(ctx, func(c *conn) error { return c.removable(ctx, id, 0) })
	if errors.Is(err, ErrUnfinished) {
		err = fmt.Errorf("%w, so it cannot be exported: two journals must never drive the same run", err)
	}
	return err
}

func (s *SQLite) newExporter(w io.Writer) *exporter {
	out := bufio.NewWriter(w)
	e := &exporter{journal: s, out: out, coder: json.NewEncoder(out), written: map[[32]byte]bool{}}
	e.coder.SetEscapeHTML(false)
	return e
}

func (e *exporter) all(ctx context.Context, runs []string) error {
	err := e.write(record{Version: exportVersion})
	for _, id := range runs {
		if err == nil {
			err = e.run(ctx, id, 0)
		}
	}
	if err != nil {
		return err
	}
	return e.out.Flush()
}

type exporter struct {
	journal *SQLite
	out     *bufio.Writer
	coder   *json.Encoder
	written map[[32]byte]bool // sources

	leavesOut bool    // what cannot be read
	damaged   []error // what was left out
	tops      int     // runs written that are no children
}

func (e *exporter) write(r record) error { return e.coder.Encode(r) }

func (e *exporter) run(ctx context.Context, id string, depth int) error {
	sources, err := e.journal.Sources(ctx, id)
	if err == nil && e.leavesOut {
		err = e.readable(ctx, id)
	}
	switch {
	case e.leavesOut && isDamage(err):
		e.damaged = append(e.damaged, err)
		return nil
	case e.leavesOut && errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if depth == 0 {
		e.tops++
	}
	r := runRecord{ID: id, Files: []fileRecord{}}
	for _, s := range sources {
		hash := sha256.Sum256(s.Text)
		r.Files = append(r.Files, fileRecord{File: s.File, Source: hex.EncodeToString(hash[:])})
		if e.written[hash] {
			continue
		}
		e.written[hash] = true
		if err := e.write(record{Source: newSourceRecord(hash, s.Text)}); err != nil {
			return err
		}
	}
	if err := e.write(record{Run: &r}); err != nil {
		return err
	}
	if err := e.events(ctx, id); err != nil {
		return err
	}
	return e.children(ctx, id, depth+1)
}

func (e *exporter) children(ctx context.Context, id string, depth int) error {
	if depth > deepest {
		return refuse(id, errors.New("it stands below too many other runs"))
	}
	page := Filter{Parent: id, Limit: pageLength}
	for {
		runs, err := e.journal.Runs(ctx, page)
		if err != nil {
			return err
		}
		for _, run := range runs {
			if err := e.run(ctx, run.ID, depth); err != nil {
				return err
			}
		}
		if len(runs) < pageLength {
			return nil
		}
		page.After = runs[len(runs)-1].ID
	}
}

func newSourceRecord(hash [32]byte, text []byte) *sourceRecord {
	s := &sourceRecord{Hash: hex.EncodeToString(hash[:])}
	if utf8.Valid(text) {
		s.Text = string(text)
	} else {
		s.Bytes = text
	}
	return s
}

// readable says what is wrong with a run's events before any of them is written.
func (e *exporter) readable(ctx context.Context, id string) error {
	return e.eachBlock(ctx, id, func([]engine.Event) error { return nil })
}

func (e *exporter) events(ctx context.Context, id string) error {
	return e.eachBlock(ctx, id, func(events []engine.Event) error {
		for i := range events {
			if err := e.write(record{Event: &events[i]}); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachBlock calls each with the events of a run, a block at a time: the chain leads from the last to the first, so the
// keys are found first.
func (e *exporter) eachBlock(ctx context.Context, id string, each func([]engine.Event) error) error {
	var keys []int64
	err := e.journal.read(ctx, func(c *conn) error {
		return c.chain(ctx, id, 0, "", func(l link) error {
			keys = append(keys, l.key)
			return nil
		})
	})
	for _, key := range slices.Backward(keys) {
		if err != nil {
			return err
		}
		var events []engine.Event
		if events, err = e.block(ctx, id, key); err == nil {
			err = each(events)
		}
	}
	return err
}

func (e *exporter) block(ctx context.Context, id string, key int64) ([]engine.Event, error) {
	var b block
	err := e.journal.read(ctx, func(c *conn) error {
		row, err := c.first("SELECT seq, n, sum, body FROM events WHERE key = ?", key)
		if err != nil {
			return err
		}
		if row == nil {
			return refuse(id, fmt.Errorf("%w: it was removed meanwhile", ErrNotFound))
		}
		b = block{seq: row[0].(int64), n: row[1].(int64), sum: row[2].(int64)}
		b.body, _ = row[3].([]byte)
		return nil
	})
	if err != nil {
		return nil, err
	}
	events, err := b.decode()
	if err != nil {
		return nil, explain(e.journal.file, refuse(id, err))
	}
	return events, nil
}
