package library

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/twinbook/twinbook/engine"
)

var errNoFolder = errors.New("it is no folder")

// young is how long after its last change a file's time says nothing: it may change again within the same tick of
// the file system's clock, which may be another machine's.
const young = 3 * time.Second

// A content is what a file says.
type content struct {
	text    []byte
	err     error // why it cannot be read
	version int   // another one whenever text or err is another one
	look    int   // the look in which it was last compared with the file

	info fs.FileInfo // of the file before it was read; nil: it may have changed by now
}

// refresh compares a content with its file, which it reads if that may have changed.
func (c *content) refresh(path string, now time.Time) {
	info, err := os.Stat(path)
	if err == nil && c.info != nil && os.SameFile(info, c.info) && info.Size() == c.info.Size() && info.ModTime().Equal(c.info.ModTime()) {
		return
	}
	text, err := readFile(path, info, err)
	if !bytes.Equal(text, c.text) || !sameError(err, c.err) || c.version == 0 {
		c.text, c.err = text, err
		c.version++
	}
	c.info = nil
	if err == nil && now.Sub(info.ModTime()) > young {
		c.info = info
	}
}

// readFile reads a file, and no more of it than could be a workflow. Other things than files are not opened: one that
// waits for a writer would hold up all.
func readFile(path string, info fs.FileInfo, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, engine.MaxSource+1))
}

func sameError(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}
