package journal

import (
	"context"
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
	if info, gone := os.Stat(s.file + "-wal"); err != nil && cannotShare(err) && (gone != nil || info.Size() == 0) {
		s.readers.close()
		s.readers = newPool(s.file, "mode=ro&immutable=1")
		err = s.readers.view(ctx, checkReadable)
	}
	return err
}

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
