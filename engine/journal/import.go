package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/twinbook/twinbook/engine"
)

// Imported says what Import did.
type Imported struct {
	Runs    int // new ones
	Skipped int // those that were there already
}

// longestLine is how long a line of an import may be, in bytes: several times the greatest text that a step may give.
const longestLine = 8 << 20

// Import reads runs that Export wrote. Each is kept whole or, if something is wrong with it, not at all; then the error says
// in which line, what was imported before stays, and the rest is not read. A run that is there already is left as it is.
func (s *SQLite) Import(ctx context.Context, r io.Reader) (Imported, error) {
	im := &importer{journal: s, ctx: ctx, sources: map[string]int64{}}
	err := im.read(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		im.abandon()
		err = fmt.Errorf("line %d: %w", im.line, err)
	}
	return im.done, errors.Join(err, im.dropUnused())
}

// An importer is an import under way. Its memory does not grow with the runs: events are written some at a time, under the
// key of a run that becomes one with its last event.
type importer struct {
	journal *SQLite
	ctx     context.Context
	line    int
	begun   bool // the version was there
	done    Imported
	sources map[string]int64 // keys by hash
	place   int64            // a key among the remains, which keeps sources from being swept up; 0: there are none

	run *stagedRun // nil: none is open
}

func (im *importer) read(in *bufio.Reader) error {
	for {
		text, err := readBounded(in)
		if err != nil && err != io.EOF {
			im.line++
			return err
		}
		if len(text) > 0 {
			im.line++
		}
		if len(bytes.TrimSpace(text)) > 0 {
			if err := im.take(text); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return im.between()
		}
	}
}

// readBounded is a line, of bounded length.
func readBounded(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > longestLine {
			return nil, fmt.Errorf("it is longer than %d MiB", longestLine>>20)
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// take takes the record of a line.
func (im *importer) take(text []byte) error {
	var r record
	coder := json.NewDecoder(bytes.NewReader(text))
	coder.DisallowUnknownFields()
	if err := coder.Decode(&r); err != nil {
		return fmt.Errorf("this is no line of an export: %w", err)
	}
	if _, err := coder.Token(); err != io.EOF {
		return errors.New("this is no line of an export: something follows the object")
	}
	if (!im.begun || r.Version != 0) && r.Version != exportVersion {
		return fmt.Errorf(`an export of this version begins with {"twinbookRuns":%d}`, exportVersion)
	}
	im.begun = true
	switch {
	case r.Version != 0: // or an export behind another one
		return im.between()
	case r.Event != nil:
		return im.event(*r.Event, len(text))
	case r.Source != nil:
		return im.source(*r.Source)
	case r.Run != nil:
		return im.begin(*r.Run)
	}
	return errors.New("this is neither a source nor a run nor an event")
}

// between says what is wrong if a run is open where none may be.
func (im *importer) between() error {
	if im.run == nil {
		return nil
	}
	return fmt.Errorf("%w: its events do not end with RunEnded. Only ended runs can be imported, as two journals must never drive the same run", refuse(im.run.id, ErrUnfinished))
}

func (im *importer) source(s sourceRecord) error {
	if err := im.between(); err != nil {
		return err
	}
	text := append([]byte(s.Text), s.Bytes...)
	sum := sha256.Sum256(text)
	if hex.EncodeToString(sum[:]) != s.Hash {
		return errors.New("the text of this source is not the one its hash is of")
	}
	k := &keeping{text: text, place: im.place}
	if err := im.journal.write(im.ctx, k); err != nil {
		return err
	}
	im.sources[s.Hash], im.place = k.key, k.place
	return nil
}

// keeping keeps a source.
type keeping struct {
	text  []byte
	place int64 // of the import; 0: it gets one
	key   int64 // out
}

func (*keeping) seated() bool { return true }

func (k *keeping) do(t *transaction) (err error) {
	if k.place == 0 {
		if k.place, err = t.stage(); err != nil {
			return err
		}
	}
	k.key, err = t.c.keepSource(k.text)
	return err
}

// dropUnused removes sources of the import that no run of it had, and its place.
func (im *importer) dropUnused() error {
	if im.place == 0 {
		return nil
	}
	d := &dropping{place: im.place}
	for _, key := range im.sources {
		d.sources = append(d.sources, key)
	}
	return im.journal.write(context.WithoutCancel(im.ctx), d)
}

type dropping struct {
	place   int64
	sources []int64
}

func (*dropping) seated() bool { return false }

func (d *dropping) do(t *transaction) error {
	for _, key := range d.sources {
		if err := t.dropSource(key); err != nil {
			return err
		}
	}
	_, err := t.c.exec("DELETE FROM remains WHERE run = ?", d.place)
	return err
}

func (im *importer) begin(r runRecord) error {
	if err := im.between(); err != nil {
		return err
	}
	if err := checkID(r.ID); err != nil {
		return err
	}
	s := &stagedRun{id: r.ID}
	for _, f := range r.Files {
		key, ok := im.sources[f.Source]
		if !ok {
			return fmt.Errorf("run %s: the source of %s does not come before it", r.ID, f.File)
		}
		s.files = append(s.files, stagedFile{file: f.File, hash: f.Source, key: key})
	}
	_, err := im.journal.Run(im.ctx, r.ID)
	switch {
	case err == nil:
		s.skip = true
	case errors.Is(err, ErrNotFound):
		err = im.journal.write(im.ctx, &staging{run: s})
	}
	if err == nil || s.skip {
		im.run = s
		return nil
	}
	return err
}

func (im *importer) event(e engine.Event, size int) error {
	s := im.run
	if s == nil {
		return errors.New("this event belongs to no run")
	}
	if err := s.check(e); err != nil {
		return refuse(s.id, err)
	}
	s.events = append(s.events, e)
	s.size += size
	over := e.Kind == engine.RunEnded
	if s.skip {
		s.events = nil
	} else if over || len(s.events) >= stagedEvents || s.size >= stagedBytes {
		if err := s.flush(im.ctx, im.journal); err != nil {
			return err
		}
	}
	if !over {
		return nil
	}
	return im.finish()
}

func (im *importer) finish() error {
	s := im.run
	if !s.skip {
		err := s.finish(im.ctx, im.journal)
		if errors.Is(err, ErrExists) { // somebody else was faster
			im.abandon()
			s.skip = true
		} else if err != nil {
			return err
		}
	}
	im.run = nil
	if s.skip {
		im.done.Skipped++
	} else {
		im.done.Runs++
	}
	return nil
}

// abandon leaves what was written of a run to be swept up.
func (im *importer) abandon() {
	if im.run != nil && !im.run.skip {
		im.journal.write(context.WithoutCancel(im.ctx), &abandoning{run: im.run.key}) // the end of this process does it as well
	}
}

type abandoning struct{ run int64 }

func (*abandoning) seated() bool { return false }

func (a *abandoning) do(t *transaction) error {
	_, err := t.c.exec("UPDATE remains SET driver = NULL WHERE run = ?", a.run)
	return err
}
