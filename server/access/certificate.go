package access

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// lookAtFiles is how often, at most, the files of a certificate are looked at.
const lookAtFiles = 5 * time.Second

// A Certificate is the server's, from two PEM files that somebody may replace at any time. Handshakes look whether the files have changed;
// a pair that cannot be used (one file is replaced and the other not yet, a key that does not fit) leaves the one before in use, and is said in the log.
type Certificate struct {
	cert, key string
	clock     clock.Clock
	log       *slog.Logger
	good      atomic.Pointer[tls.Certificate]

	mu     sync.Mutex // guards what follows
	looked time.Time
	seen   [2]stamp // of the files that were read last
	failed string   // what was said last about files that cannot be used; empty: they can
}

// A stamp changes when a file does.
type stamp struct {
	modified time.Time
	size     int64
}

// OpenCertificate reads a certificate with the chain to its authority, and its key. log is told what happens to the files later. c may be
// nil: the machine's clock.
func OpenCertificate(cert, key string, c clock.Clock, log *slog.Logger) (*Certificate, error) {
	if c == nil {
		c = clock.Real()
	}
	opened := &Certificate{cert: cert, key: key, clock: c, log: log}
	if err := opened.Reload(); err != nil {
		return nil, err
	}
	return opened, nil
}

// TLS is for the server: TLS 1.2 or newer, with the certificate as its files are at the time of a handshake.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.look()
			return c.good.Load(), nil
		},
	}
}

// Reload reads the files now. With an error, which is in the log, too, the certificate before stays in use.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load()
}

// look reads the files if they have changed. Handshakes at the same time do not wait for each other.
func (c *Certificate) look() {
	if !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	now := c.clock.Now()
	if since := now.Sub(c.looked); since >= 0 && since < lookAtFiles {
		return
	}
	c.looked = now
	if seen, err := c.stamps(); err != nil || seen != c.seen || c.failed != "" {
		_ = c.load() // it is in the log
	}
}

// load is called with mu held.
func (c *Certificate) load() error {
	seen, err := c.stamps()
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.cert, c.key)
	}
	if err != nil {
		err = fmt.Errorf("certificate %s, key %s: %w", c.cert, c.key, err)
		if c.failed != err.Error() && c.good.Load() != nil {
			c.log.Error("the certificate cannot be used; the one before stays in use", "error", err)
		}
		c.failed = err.Error()
		return err
	}
	c.seen, c.failed = seen, ""
	c.good.Store(&pair)
	c.tell(&pair)
	return nil
}

func (c *Certificate) tell(pair *tls.Certificate) {
	leaf, now := pair.Leaf, c.clock.Now()
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		c.log.Warn("the certificate is not valid at this time", "file", c.cert, "notBefore", leaf.NotBefore, "notAfter", leaf.NotAfter)
		return
	}
	c.log.Info("certificate read", "file", c.cert, "names", leaf.DNSNames, "notAfter", leaf.NotAfter)
}

func (c *Certificate) stamps() (seen [2]stamp, err error) {
	for i, file := range []string{c.cert, c.key} {
		info, err := os.Stat(file)
		if err != nil {
			return seen, err
		}
		seen[i] = stamp{modified: info.ModTime(), size: info.Size()}
	}
	return seen, nil
}
