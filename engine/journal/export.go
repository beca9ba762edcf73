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
		err := s.read(ctx, func(c *conn) error { return c.removable(ctx, id, 0) })
		if errors.Is(err, ErrUnfinished) {
			err = fmt.Errorf("%w, so it cannot be exported: two journals must never drive the same run", err)
		}
		if err != nil {
			return err
		}
	}
	out := bufio.NewWriter(w)
	e := &exporter{journal: s, coder: json.NewEncoder(out), written: map[[32]byte]bool{}}
	e.coder.SetEscapeHTML(false)
	err := e.write(record{Version: exportVersion})
	for _, id := range runs {
		if err == nil {
			err = e.run(ctx, id, 0)
		}
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

type exporter struct {
	journal *SQLite
	coder   *json.Encoder
	written map[[32]byte]bool // sources
}

func (e *exporter) write(r record) error { return e.coder.Encode(r) }

func (e *exporter) run(ctx context.Context, id string, depth int) error {
	sources, err := e.journal.Sources(ctx, id)
	if err != nil {
		return err
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

// events writes those of a run, a block at a time: the chain leads from the last to the first, so the keys are found first.
func (e *exporter) events(ctx context.Context, id string) error {
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
		err = e.block(ctx, id, key)
	}
	return err
}

func (e *exporter) block(ctx context.Context, id string, key int64) error {
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
		return err
	}
	events, err := b.decode()
	if err != nil {
		return explain(e.journal.file, refuse(id, err))
	}
	for i := range events {
		if err := e.write(record{Event: &events[i]}); err != nil {
			return err
		}
	}
	return nil
}
