package access

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// makePair writes a certificate for localhost with a serial number, and its key.
func makePair(t *testing.T, serial int64, notAfter time.Time) (cert, key []byte) {
	t.Helper()
	private := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// A lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// certificateDesk is a server with a certificate of files that a test replaces.
type certificateDesk struct {
	t         *testing.T
	cert, key string
	clock     *shiftedClock
	log       lockedBuffer
	opened    *Certificate
	address   string
}

func newCertificateDesk(t *testing.T) *certificateDesk {
	dir := t.TempDir()
	d := &certificateDesk{t: t, cert: filepath.Join(dir, "server.pem"), key: filepath.Join(dir, "server.key"), clock: newShiftedClock()}
	d.write(makePair(t, 1, time.Now().Add(time.Hour)))
	var err error
	d.opened, err = OpenCertificate(d.cert, d.key, d.clock, slog.New(slog.NewTextHandler(&d.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.address = listener.Addr().String()
	server := &http.Server{Handler: http.NotFoundHandler(), TLSConfig: d.opened.TLS(), ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return d
}

func (d *certificateDesk) write(cert, key []byte) {
	d.t.Helper()
	for file, text := range map[string][]byte{d.cert: cert, d.key: key} {
		if text == nil {
			continue
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
}

// serial is the number of the certificate that a client gets.
func (d *certificateDesk) serial() int64 {
	d.t.Helper()
	conn, err := tls.Dial("tcp", d.address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestCertificateIsReplaced(t *testing.T) {
	d := newCertificateDesk(t)
	if got := d.serial(); got != 1 {
		t.Fatalf("certificate %d, want 1", got)
	}
	old, err := tls.Dial("tcp", d.address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()

	d.write(makePair(t, 2, time.Now().Add(time.Hour)))
	if got := d.serial(); got != 1 {
		t.Errorf("certificate %d, though the files were looked at a moment ago", got)
	}
	d.clock.forward(lookAtFiles)
	if got := d.serial(); got != 2 {
		t.Errorf("certificate %d after the files have changed, want 2", got)
	}
	if _, err := old.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
	if n, err := old.Read(make([]byte, 10)); n == 0 {
		t.Errorf("a connection from before gets no answer: %v", err)
	}

	d.write(makePair(t, 3, time.Now().Add(time.Hour)))
	if err := d.opened.Reload(); err != nil || d.serial() != 3 {
		t.Errorf("certificate %d after Reload (%v), want 3", d.serial(), err)
	}
}

func TestBrokenPairKeepsTheOneBefore(t *testing.T) {
	d := newCertificateDesk(t)
	first, firstKey := makePair(t, 1, time.Now().Add(time.Hour))
	cert, key := makePair(t, 2, time.Now().Add(time.Hour))
	for name, broke := range map[string]func(){
		"the certificate without its key": func() { d.write(cert, nil) },
		"half a file":                     func() { d.write(cert[:len(cert)/2], nil) },
		"an empty file":                   func() { d.write(nil, []byte{}) },
		"no file":                         func() { os.Remove(d.key) },
	} {
		d.write(first, firstKey)
		if err := d.opened.Reload(); err != nil {
			t.Fatal(err)
		}
		broke()
		for range 3 {
			d.clock.forward(lookAtFiles)
			if got := d.serial(); got != 1 {
				t.Errorf("%s: certificate %d, want the one before", name, got)
			}
		}
		if err := d.opened.Reload(); err == nil || !strings.Contains(err.Error(), d.cert) {
			t.Errorf("%s: Reload says %v", name, err)
		}
		if n := strings.Count(d.log.String(), "cannot be used"); n != 1 {
			t.Errorf("%s: it is said %d times\n%s", name, n, d.log.String())
		}
		if strings.Contains(d.log.String(), "PRIVATE") {
			t.Errorf("%s: the log holds the key", name)
		}
		d.log.mu.Lock()
		d.log.text.Reset()
		d.log.mu.Unlock()
	}
	d.write(cert, key) // also if neither time nor size tells them from those that failed
	d.clock.forward(lookAtFiles)
	if got := d.serial(); got != 2 {
		t.Errorf("certificate %d when both files are there, want 2", got)
	}
}

func TestCertificateThatIsNotThere(t *testing.T) {
	d := newCertificateDesk(t)
	os.Remove(d.key)
	if c, err := OpenCertificate(d.cert, d.key, nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), d.key) {
		t.Errorf("opened %v: %v", c, err)
	}
}

func TestExpiredCertificateIsSaid(t *testing.T) {
	d := newCertificateDesk(t)
	d.write(makePair(t, 2, time.Now().Add(-time.Minute)))
	if err := d.opened.Reload(); err != nil || !strings.Contains(d.log.String(), "not valid at this time") {
		t.Errorf("%v, and the log has\n%s", err, d.log.String())
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	d := newCertificateDesk(t)
	for version, good := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", d.address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if err == nil {
			conn.Close()
		}
		if (err == nil) != good {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestHandshakesWhileFilesChange is for the race detector, and for pairs of which only one file is new.
func TestHandshakesWhileFilesChange(t *testing.T) {
	d := newCertificateDesk(t)
	type pair struct{ cert, key []byte }
	var pairs []pair
	for serial := range int64(4) {
		cert, key := makePair(t, serial+1, time.Now().Add(time.Hour))
		pairs = append(pairs, pair{cert, key})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			d.write(pairs[i%4].cert, pairs[i%4].key)
			d.clock.forward(lookAtFiles)
		}
	}()
	for handshakes := 0; ; handshakes++ {
		select {
		case <-done:
			d.clock.forward(lookAtFiles)
			if got := d.serial(); got != 4 {
				t.Errorf("certificate %d in the end, want 4, after %d handshakes", got, handshakes)
			}
			return
		default:
			d.serial()
		}
	}
}
