package journal

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// applicationID marks the files of this program among SQLite's.
const applicationID = 0x74776a6c

// migrations bring a file from each version to the next one, in the order of their names; a file's
// user_version is how many it has had. A migration that was published is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// versions are the migrations, in order.
func versions() ([]fs.DirEntry, error) { return fs.ReadDir(migrations, "migrations") }

// openForWriting gives a connection to a file whose schema is today's.
func openForWriting(ctx context.Context, file string, patience time.Duration) (*conn, error) {
	c, err := connect(file, "mode=rw")
	if err == nil {
		if err = prepareFile(ctx, c, patience); err == nil {
			return c, nil
		}
		c.close()
	}
	return nil, err
}

func prepareFile(ctx context.Context, c *conn, patience time.Duration) error {
	if err := patiently(ctx, patience, func() error { return checkFile(c) }); err != nil {
		return err
	}
	for _, p := range []string{
		"journal_mode = WAL", "synchronous = FULL", "fullfsync = 1", "checkpoint_fullfsync = 1", // the last two are for macOS
		"temp_store = MEMORY", "cache_size = -8000", "wal_autocheckpoint = 0",
	} {
		if err := patiently(ctx, patience, func() error { return c.script("PRAGMA " + p) }); err != nil {
			return err
		}
	}
	return migrate(ctx, c, patience)
}

// checkFile says whether the file is a journal that this program understands, or empty.
func checkFile(c *conn) error {
	row, err := c.first("SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)")
	if err != nil {
		return err
	}
	id, version, things := row[0].(int64), row[1].(int64), row[2].(int64)
	known, err := versions()
	switch {
	case err != nil:
		return err
	case id == 0 && version == 0 && things == 0:
		return nil
	case id != applicationID:
		return errForeign
	case version < 1:
		return errUnnumbered
	case version > int64(len(known)):
		return fmt.Errorf("%w (version %d; this one knows %d)", errNewer, version, len(known))
	}
	return nil
}

var (
	errForeign = errors.New("it is a database of another program")
	errNewer   = errors.New("it was written by a newer twinbook")
	errOlder   = errors.New("it was written by an older twinbook")
	errEmpty   = errors.New("it is empty")

	errUnnumbered = errors.New("it is a journal whose version was removed")
)

// migrate carries out what the file has not had, each in a transaction together with its number.
func migrate(ctx context.Context, c *conn, patience time.Duration) error {
	files, err := versions()
	if err != nil {
		return err
	}
	var had int64
	if err := patiently(ctx, patience, func() (err error) {
		had, err = c.userVersion() // asked first, so that a file that needs nothing is not locked
		return err
	}); err != nil {
		return err
	}
	for i, f := range files {
		if int64(i) < had {
			continue
		}
		text, err := fs.ReadFile(migrations, "migrations/"+f.Name())
		if err != nil {
			return err
		}
		if err := patiently(ctx, patience, func() error { return step(c, int64(i), string(text)) }); isBusy(err) {
			return err
		} else if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return nil
}

// step carries out the migration that follows version from, unless the file has had it: another process may have
// been faster.
func step(c *conn, from int64, text string) error {
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	had, err := c.userVersion()
	if err == nil && had == from {
		err = c.script(fmt.Sprintf("%s; PRAGMA user_version = %d; PRAGMA application_id = %d", text, from+1, applicationID))
	}
	if err == nil {
		err = c.script("COMMIT")
	}
	if err != nil {
		c.script("ROLLBACK") // says only that there is none any more
	}
	return err
}

// userVersion is how many migrations the file has had.
func (c *conn) userVersion() (int64, error) {
	row, err := c.first("SELECT user_version FROM pragma_user_version")
	if err != nil {
		return 0, err
	}
	return row[0].(int64), nil
}

// patiently does something again until no other process is in its way, or patience is over.
func patiently(ctx context.Context, patience time.Duration, do func() error) error {
	until := time.Now().Add(patience)
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 5*time.Millisecond) {
		err := do()
		if !isBusy(err) || time.Now().After(until) {
			return err
		}
		if !sleep(ctx, wait) {
			return context.Cause(ctx)
		}
	}
}
