package state

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A reader takes a log apart into lines.
type reader struct {
	in     *bufio.Reader
	offset int64 // of the line that next gave last
	length int64 // of that line, with its end
	long   []byte
}

func newReader(in io.Reader, offset int64) *reader {
	return &reader{in: bufio.NewReaderSize(in, 64<<10), offset: offset}
}

// next gives the next line without its end, until io.EOF. whole is false where the end is missing or the
// line is longer than any that was written.
func (r *reader) next() (text []byte, whole bool, err error) {
	r.offset += r.length
	text, err = r.in.ReadSlice('\n')
	r.length = int64(len(text))
	if errors.Is(err, bufio.ErrBufferFull) {
		text, err = r.nextLong(text)
	}
	if err != nil && (err != io.EOF || r.length == 0) {
		return nil, false, err
	}
	if whole = err == nil && r.length <= maxLine; whole {
		text = text[:len(text)-1]
	}
	return text, whole, nil
}

// nextLong reads a line that the buffer cannot hold.
func (r *reader) nextLong(begun []byte) (text []byte, err error) {
	text, err = append(r.long[:0], begun...), bufio.ErrBufferFull
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = r.in.ReadSlice('\n')
		if r.length += int64(len(more)); r.length <= maxLine {
			text = append(text, more...)
		}
	}
	r.long = text
	return text, err
}

// A replay is what a log holds.
type replay struct {
	index index
	lines uint64
	size  int64 // of the part that is good
	torn  int64 // bytes of a line after it that was cut off
}

// A damage is where a log is not as it was written.
type damage struct {
	offset int64
	what   string
}

func (d *damage) Error() string { return fmt.Sprintf("damaged at byte %d: %s", d.offset, d.what) }

// errNewer means that a later twinbook has written the log.
var errNewer = errors.New("it was written by a newer twinbook, in a format that this one does not know")

// play reads a log from its beginning.
func play(in io.Reader) (replay, error) {
	r := newReader(in, 0)
	if err := checkHeader(r); err != nil {
		return replay{}, err
	}
	p := replay{index: newIndex(), size: int64(len(header))}
	for {
		text, whole, err := r.next()
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		l, ok := parseLine(text)
		if !whole && r.length <= maxLine { // whoever wrote it was cut off; nothing can be behind it
			p.torn = r.length
			return p, nil
		}
		if !whole || !ok {
			return p, &damage{r.offset, fmt.Sprintf("record %d is not as it was written", p.lines+1)}
		}
		if p.lines++; l.number != p.lines {
			return p, &damage{r.offset, fmt.Sprintf("record %d stands where record %d was written", l.number, p.lines)}
		}
		p.index.take(string(l.kind), string(l.key), len(l.value) == 0, place{r.offset, int32(r.length)})
		p.size += r.length
	}
}

func checkHeader(r *reader) error {
	text, whole, err := r.next()
	switch {
	case err != nil && err != io.EOF:
		return err
	case whole && string(text)+"\n" == header:
		return nil
	case whole && strings.HasPrefix(string(text), headerText):
		return errNewer
	}
	return &damage{0, fmt.Sprintf("it does not begin with %q", strings.TrimSpace(header))}
}
