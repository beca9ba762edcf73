package journal

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// A conn is one connection to the file, with the statements it has prepared. It is used by one goroutine at a
// time. It speaks to the driver without database/sql, which would copy and prepare more than is good for a commit.
type conn struct {
	raw        driver.Conn
	statements map[string]statement
	args       []driver.NamedValue
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// connect opens a connection; pragmas are carried out on it.
func connect(file string, mode string, pragmas ...string) (*conn, error) {
	connector, err := sqlite.NewConnector(address(file, mode))
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(context.Background())
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, statements: map[string]statement{}}
	for _, p := range pragmas {
		if err := c.script("PRAGMA " + p); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// address is a file as SQLite's URIs have it.
func address(file, query string) string {
	path := filepath.ToSlash(file)
	if filepath.VolumeName(file) != "" {
		path = "/" + path
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "file:" + strings.Join(parts, "/") + "?_error_rc=1&" + query
}

func (c *conn) close() error {
	for _, s := range c.statements {
		s.Close()
	}
	return c.raw.Close()
}

// script carries out statements that are needed once.
func (c *conn) script(text string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}

// exec carries out a statement and says how many rows it changed.
func (c *conn) exec(text string, values ...driver.Value) (int64, error) {
	result, err := c.run(text, values)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insert carries out a statement that adds one row, and gives its key.
func (c *conn) insert(text string, values ...driver.Value) (int64, error) {
	result, err := c.run(text, values)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

func (c *conn) run(text string, values []driver.Value) (driver.Result, error) {
	s, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), c.named(values))
}

// query calls each with every row, whose values are its own until the next one.
func (c *conn) query(ctx context.Context, each func(row []driver.Value) error, text string, values ...driver.Value) error {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, c.named(values))
	if err != nil {
		return err
	}
	row := make([]driver.Value, len(rows.Columns()))
	for err == nil {
		if err = rows.Next(row); err == nil {
			err = each(row)
		}
	}
	if closed := rows.Close(); err == io.EOF {
		err = closed
	}
	return err
}

// first gives the first row of a query, or nil.
func (c *conn) first(text string, values ...driver.Value) ([]driver.Value, error) {
	var found []driver.Value
	err := c.query(context.Background(), func(row []driver.Value) error {
		found = row
		return errEnough
	}, text, values...)
	if err == errEnough {
		err = nil
	}
	return found, err
}

// errEnough ends a query whose further rows are not wanted.
var errEnough = errors.New("enough")

func (c *conn) prepare(text string) (statement, error) {
	if s, ok := c.statements[text]; ok {
		return s, nil
	}
	s, err := c.raw.Prepare(text)
	if err != nil {
		return nil, err
	}
	c.statements[text] = s.(statement)
	return s.(statement), nil
}

func (c *conn) named(values []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, v := range values {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}
