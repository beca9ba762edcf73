package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// A store is the folder that keeps an authority.
//
// The key comes into being before the certificate, each at once and whole, and the first one stays. So
// two programs that start together agree, and one that is killed between the two leaves a key for
// which the next makes the certificate.
type store struct{ dir string }

func (s store) path(name string) string { return filepath.Join(s.dir, name) }

// unusable is an error with the way out.
func (s store) unusable(name, format string, args ...any) error {
	return fmt.Errorf("the simulator's CA: %s %s; delete %s and %s in %s, and the next start makes new ones, which clients then have to trust",
		s.path(name), fmt.Sprintf(format, args...), certificateFile, keyFile, s.dir)
}

// openKey reads the authority's key and makes one if there is neither key nor certificate.
func (s store) openKey() (*ecdsa.PrivateKey, error) {
	_, certified := os.Stat(s.path(certificateFile)) // before the key, since it comes after it
	text, err := os.ReadFile(s.path(keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		if certified == nil {
			return nil, s.unusable(keyFile, "is missing, so nothing can be signed for %s", certificateFile)
		}
		text, err = s.makeKey()
	}
	if err != nil {
		return nil, fmt.Errorf("the simulator's CA: %w", err)
	}
	der, err := onlyBlock(text, keyBlock)
	if err != nil {
		return nil, s.unusable(keyFile, "cannot be read: %v", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, s.unusable(keyFile, "is not an ECDSA key in PKCS #8")
	}
	return key, nil
}

func (s store) makeKey() ([]byte, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return s.keepFirst(keyFile, keyBlock, der, 0o600)
}

// openCertificate reads the authority's certificate, makes it if there is none, and checks that it is good.
func (s store) openCertificate(key *ecdsa.PrivateKey, now time.Time) (*x509.Certificate, error) {
	text, err := os.ReadFile(s.path(certificateFile))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = s.makeCertificate(key, now)
	}
	if err != nil {
		return nil, fmt.Errorf("the simulator's CA: %w", err)
	}
	der, err := onlyBlock(text, certificateBlock)
	if err != nil {
		return nil, s.unusable(certificateFile, "cannot be read: %v", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, s.unusable(certificateFile, "cannot be read: %v", err)
	}
	return c, s.check(c, key, now)
}

func (s store) makeCertificate(key *ecdsa.PrivateKey, now time.Time) ([]byte, error) {
	der, err := newCertificate(key, now)
	if err != nil {
		return nil, err
	}
	return s.keepFirst(certificateFile, certificateBlock, der, 0o644)
}

func (s store) check(c *x509.Certificate, key *ecdsa.PrivateKey, now time.Time) error {
	switch {
	case !c.IsCA || c.KeyUsage&x509.KeyUsageCertSign == 0:
		return s.unusable(certificateFile, "is not the certificate of an authority")
	case !key.PublicKey.Equal(c.PublicKey):
		return s.unusable(certificateFile, "does not belong to %s", keyFile)
	case now.After(c.NotAfter):
		return s.unusable(certificateFile, "expired on %s", c.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(c.NotBefore):
		return fmt.Errorf("the simulator's CA: %s is good only from %s on; is the machine's clock right?", s.path(certificateFile), c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// keepFirst writes a file that is complete from the moment it has its name, unless one of that name is there by
// now. It gives what the file then holds.
func (s store) keepFirst(name, block string, der []byte, mode fs.FileMode) ([]byte, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	draft, err := s.write(name, pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der}), mode)
	if draft != "" {
		defer os.Remove(draft)
	}
	if err != nil {
		return nil, err
	}
	// A link, unlike a renaming, fails where the name is taken.
	if err := os.Link(draft, s.path(name)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(s.path(name))
}

// write puts text into a file of a name that nobody else has.
func (s store) write(name string, text []byte, mode fs.FileMode) (draft string, err error) {
	f, err := os.CreateTemp(s.dir, "."+name+"-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	return f.Name(), errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}

// onlyBlock takes a PEM file of one block apart.
func onlyBlock(text []byte, kind string) ([]byte, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("it is not PEM")
	case block.Type != kind:
		return nil, fmt.Errorf("it holds a %s, not a %s", block.Type, kind)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("it holds more than one thing")
	}
	return block.Bytes, nil
}
