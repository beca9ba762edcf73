package authority

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := Open(dir, today)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnAuthorityIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	a := open(t, dir)
	if a.File() != filepath.Join(dir, "ca.pem") {
		t.Errorf("file %s", a.File())
	}
	if again := open(t, dir); !again.Certificate().Equal(a.Certificate()) || !again.key.Equal(a.key) {
		t.Error("a second Open made another authority")
	}
	files, _ := os.ReadDir(dir)
	if len(files) != 2 {
		t.Errorf("the folder holds %v", files)
	}
	if runtime.GOOS == "windows" {
		return // which has no modes
	}
	for name, want := range map[string]os.FileMode{"ca-key.pem": 0o600, "ca.pem": 0o644, ".": 0o700} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

func TestManyAtOnceGetOneAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	all := make([]*Authority, 20)
	var started sync.WaitGroup
	for i := range all {
		started.Go(func() {
			a, err := Open(dir, today)
			if err != nil {
				t.Error(err)
			}
			all[i] = a
		})
	}
	started.Wait()
	for _, a := range all {
		if a == nil || !a.Certificate().Equal(all[0].Certificate()) || !a.key.Equal(all[0].key) {
			t.Fatal("two authorities")
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("the folder holds %v", files)
	}
}

// A program that is killed when it has made the key, and one that is killed with a half-written file of its own.
func TestAnAuthorityIsMadeWholeAfterAKill(t *testing.T) {
	dir := t.TempDir()
	key := open(t, dir).key
	if err := os.Remove(filepath.Join(dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".ca.pem-123"), []byte("-----BEG"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := open(t, dir); !a.key.Equal(key) {
		t.Error("the key is another one")
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	now := today
	rsaKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte{1}})
	for _, c := range []struct {
		name, file string
		spoil      func([]byte) []byte
		days       int
		want       string
	}{
		{"no key", "ca-key.pem", nil, 0, "ca-key.pem is missing, so nothing can be signed for ca.pem; delete ca.pem and ca-key.pem in "},
		{"an empty key", "ca-key.pem", func([]byte) []byte { return nil }, 0, "ca-key.pem cannot be read: it is not PEM; delete"},
		{"half a key", "ca-key.pem", func(b []byte) []byte { return b[:len(b)/2] }, 0, "ca-key.pem cannot be read: it is not PEM; delete"},
		{"a key of another kind", "ca-key.pem", func([]byte) []byte { return rsaKey }, 0, "ca-key.pem cannot be read: it holds a RSA PRIVATE KEY, not a PRIVATE KEY; delete"},
		{"a spoilt key", "ca-key.pem", spoilt("PRIVATE KEY"), 0, "ca-key.pem is not an ECDSA key in PKCS #8; delete"},
		{"two keys", "ca-key.pem", func(b []byte) []byte { return append(b, b...) }, 0, "ca-key.pem cannot be read: it holds more than one thing; delete"},
		{"half a certificate", "ca.pem", func(b []byte) []byte { return b[:len(b)/2] }, 0, "ca.pem cannot be read: it is not PEM; delete"},
		{"a spoilt certificate", "ca.pem", spoilt("CERTIFICATE"), 0, "ca.pem cannot be read: x509: "},
		{"another's certificate", "ca.pem", another(t, "ca.pem"), 0, "ca.pem does not belong to ca-key.pem; delete"},
		{"another's key", "ca-key.pem", another(t, "ca-key.pem"), 0, "ca.pem does not belong to ca-key.pem; delete"},
		{"a server's certificate", "ca.pem", ofServer(t), 0, "ca.pem is not the certificate of an authority; delete"},
		{"long ago", "ca.pem", same, 3651, "ca.pem expired on 2036-11-20; delete"},
		{"in the future", "ca.pem", same, -1, "ca.pem is good only from 2026-11-23T11:00:00Z on; is the machine's clock right?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir)
			path := filepath.Join(dir, c.file)
			change(t, path, c.spoil)
			_, err := Open(dir, now.AddDate(0, 0, c.days))
			if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "ca")) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := Open(filepath.Join(os.Args[0], "state"), today); err == nil || !strings.Contains(err.Error(), "the simulator's CA: ") {
		t.Errorf("a folder in a file: %v", err)
	}
}

func same(b []byte) []byte { return b }

func change(t *testing.T, path string, spoil func([]byte) []byte) {
	t.Helper()
	if spoil == nil {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, spoil(bytes.Clone(text)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func spoilt(kind string) func([]byte) []byte {
	return func([]byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("nothing of the kind")})
	}
}

func another(t *testing.T, file string) func([]byte) []byte {
	dir := t.TempDir()
	open(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return func([]byte) []byte { return text }
}

func ofServer(t *testing.T) func([]byte) []byte {
	issued, err := open(t, t.TempDir()).ServerCertificate(today)
	if err != nil {
		t.Fatal(err)
	}
	return func([]byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued.Certificate[0]})
	}
}

func TestServerCertificate(t *testing.T) {
	a := open(t, t.TempDir())
	issued, err := a.ServerCertificate(today, "hub.example", "10.1.2.3", "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	c := issued.Leaf
	if got := fmt.Sprint(c.DNSNames, c.IPAddresses); got != "[localhost hub.example] [127.0.0.1 ::1 10.1.2.3]" {
		t.Errorf("good for %s", got)
	}
	if !c.NotBefore.Equal(today.Add(-time.Hour)) || c.NotAfter.Sub(c.NotBefore) > 398*24*time.Hour {
		t.Errorf("good from %v to %v", c.NotBefore, c.NotAfter)
	}
	if c.SerialNumber.Sign() <= 0 || len(c.SerialNumber.Bytes()) > 20 {
		t.Errorf("serial number %v", c.SerialNumber)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "hub.example", "10.1.2.3"} {
		if err := verify(a, c, name, x509.ExtKeyUsageServerAuth); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if verify(a, c, "other.example", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("good for a name that was not asked for")
	}
	if verify(a, c, "localhost", x509.ExtKeyUsageClientAuth) == nil {
		t.Error("good for a client")
	}
	if verify(open(t, t.TempDir()), c, "localhost", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("good for those who trust another authority")
	}
	if _, err := a.ServerCertificate(today, "näme"); err == nil {
		t.Error("a name that cannot be in a certificate was taken")
	}
}

// What is issued does not outlive the authority.
func TestIssuedEndWithTheAuthority(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	nearEnd := today.AddDate(0, 0, 3649)
	a, err := Open(dir, nearEnd)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.ServerCertificate(nearEnd)
	if err != nil || !issued.Leaf.NotAfter.Equal(a.Certificate().NotAfter) {
		t.Errorf("good until %v, %v", issued.Leaf.NotAfter, err)
	}
}

func TestDeviceCertificate(t *testing.T) {
	a := open(t, t.TempDir())
	issued, err := a.DeviceCertificate(today, "pump-7/module")
	if err != nil {
		t.Fatal(err)
	}
	if issued.Leaf.Subject.CommonName != "pump-7/module" {
		t.Errorf("subject %v", issued.Leaf.Subject)
	}
	if err := verify(a, issued.Leaf, "", x509.ExtKeyUsageClientAuth); err != nil {
		t.Error(err)
	}
	if verify(a, issued.Leaf, "", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("good for a server")
	}
}

func verify(a *Authority, c *x509.Certificate, name string, use x509.ExtKeyUsage) error {
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: today, KeyUsages: []x509.ExtKeyUsage{use}})
	return err
}

// Both ends prove who they are with what was issued, in both versions of TLS.
func TestHandshake(t *testing.T) {
	a := open(t, t.TempDir())
	server, err := a.ServerCertificate(today)
	if err != nil {
		t.Fatal(err)
	}
	device, err := a.DeviceCertificate(today, "pump-7")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	clock := func() time.Time { return today }
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		near, far := net.Pipe()
		hub := tls.Server(near, &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, Time: clock})
		client := tls.Client(far, &tls.Config{Certificates: []tls.Certificate{device}, RootCAs: roots, ServerName: "localhost", MaxVersion: version, Time: clock})
		done := make(chan error, 1)
		go func() { done <- hub.Handshake() }()
		if err := client.Handshake(); err != nil {
			t.Errorf("%s: client: %v", tls.VersionName(version), err)
		}
		go client.Read(make([]byte, 1)) // tickets
		if err := <-done; err != nil {
			t.Errorf("%s: hub: %v", tls.VersionName(version), err)
		}
		near.Close()
		far.Close()
	}
}
