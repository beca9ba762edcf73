package journal

import (
	"os"

	"modernc.org/sqlite"
)

// A checkpointer copies what commits have added to SQLite's log into the file itself. Most of that is done by a
// connection of its own while commits go on; what has come meanwhile is little, and the writer copies it between two
// commits. Then the log begins anew, in the same space.
type checkpointer struct {
	c    *conn
	want chan struct{} // the log has grown
	done chan struct{} // most of it has been copied

	// What follows belongs to the writer.
	under bool
	since int // pages that this process had written when the log began; below 0: that were in it already
}

// logPages is how far the log may grow before it is copied: 16 MiB.
const logPages = 4000

// newCheckpointer begins with the log as processes left it that died.
func newCheckpointer(c *conn, file string) *checkpointer {
	k := &checkpointer{c: c, want: make(chan struct{}, 1), done: make(chan struct{}, 1)}
	if log, err := os.Stat(file + "-wal"); err == nil {
		const page = 4096
		k.since = -int(log.Size() / page)
	}
	return k
}

// loop copies until want is closed. An error is no matter: the log stays, and the next time may go well.
func (k *checkpointer) loop() {
	for range k.want {
		k.c.checkpoint()
		k.done <- struct{}{}
	}
	k.c.close()
}

// checkpoint copies what no reader needs to stay in the log.
func (c *conn) checkpoint() error { return c.script("PRAGMA wal_checkpoint(PASSIVE)") }

// pages is how many pages a connection has written.
func (c *conn) pages() int {
	n, _, err := c.raw.(sqlite.DBStatus).Status(sqlite.DBStatusCacheWrite, false)
	if err != nil {
		return 0
	}
	return n
}

// after is called by the writer between two commits.
func (k *checkpointer) after(w *conn) {
	select {
	case <-k.done:
		w.checkpoint()
		k.under, k.since = false, w.pages()
		return
	default:
	}
	if !k.under && w.pages()-k.since > logPages {
		k.under = true
		k.want <- struct{}{}
	}
}
