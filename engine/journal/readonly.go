package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// openForReading opens a file that is not to be changed. Where not even the memory that its processes share can be
// made beside it, because the disk or the folder is read-only, nobody can be writing; then it is read as it is.
func (s *SQLite) openForReading(ctx context.Context) error {
	if err := isFile(s.file); err != nil {
		return err
	}
	if err := s.resolve(); err != nil {
		return err
	}
	s.readers = newPool(s.file, "mode=ro")
	err := s.readers.view(ctx, checkReadable)
	if err != nil && cannotShare(err) {
		if info, gone := os.Stat(s.file + "-wal"); gone == nil && info.Size() > 0 {
			return fmt.Errorf("%w: %w", errLogUnread, err)
		}
		s.readers.close()
		s.readers = newPool(s.file, "mode=ro&immutable=1")
		err = s.readers.view(ctx, checkReadable)
	}
	return err
}

// errLogUnread is about a file whose log is not empty, as a process left it that was killed.
var errLogUnread = errors.New("its latest changes stand in a log beside it, which cannot be read where nothing can be written")

// checkReadable says whether the file can be read as it is.
func checkReadable(c *conn) error {
	if err := checkFile(c); err != nil {
		return err
	}
	known, err := versions()
	if err != nil {
		return err
	}
	had, err := c.userVersion()
	switch {
	case err != nil:
		return err
	case had == 0:
		return errEmpty
	case had < int64(len(known)):
		return errOlder
	}
	return nil
}
