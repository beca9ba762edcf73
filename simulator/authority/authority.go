// Package authority makes the certificates of a simulated hub: a certificate authority of its own, which
// users trust once, and what it signs.
//
// The authority is two files in a folder, ca.pem and ca-key.pem. It is made when it is first asked for and kept;
// programs that ask at the same time get the same one, and a program that is killed meanwhile leaves
// nothing behind that the next one could not use. Whoever reads ca-key.pem can pose as any server to those
// who trust ca.pem, so the file is readable by its owner only, and the certificates that it signs are made anew
// at each start and stay in memory.
//
// Which names and devices there are is not known here.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"path/filepath"
	"time"
)

const (
	certificateFile = "ca.pem"
	keyFile         = "ca-key.pem"

	authorityLife = 10 * 365 * 24 * time.Hour
	issuedLife    = 397 * 24 * time.Hour // clients refuse servers whose certificate is good for more than 398 days
	early         = time.Hour            // a certificate is good from so long before it is made, for clocks that go behind
)

// An Authority signs certificates for servers and devices.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

// Open gives the authority that is kept in the folder dir, and makes folder and authority if they are not
// there. An error names the file that cannot be used and says what to do about it.
func Open(dir string, now time.Time) (*Authority, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := store{dir}
	a := &Authority{file: s.path(certificateFile)}
	if a.key, err = s.openKey(); err != nil {
		return nil, err
	}
	if a.certificate, err = s.openCertificate(a.key, now); err != nil {
		return nil, err
	}
	return a, nil
}

// File is the path of the authority's certificate, for clients to trust.
func (a *Authority) File() string { return a.file }

// Certificate is the authority's own certificate.
func (a *Authority) Certificate() *x509.Certificate { return a.certificate }

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// newCertificate makes the certificate of an authority, in DER.
func newCertificate(key *ecdsa.PrivateKey, now time.Time) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"twinbook"}, CommonName: "twinbook simulator CA"},
		NotBefore:             now.Add(-early),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}

// newSerial is a number that no two certificates share.
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}
