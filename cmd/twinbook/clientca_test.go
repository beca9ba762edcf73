package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/simulator/authority"
)

// Devices may come with certificates of the simulator's own CA, and of those in files.
func TestClientCAs(t *testing.T) {
	now, state := time.Now(), t.TempDir()
	foreign, err := authority.Open(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	doors, err := doorFlags{https: "127.0.0.1:0", mqtts: "off", state: state, clientCAs: []string{foreign.File()}}.open(now)
	if err != nil {
		t.Fatal(err)
	}
	defer doors.close()
	own, err := authority.Open(state, now)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := authority.Open(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name    string
		ca      *authority.Authority
		trusted bool
	}{{"own", own, true}, {"from a file", foreign, true}, {"another", stranger, false}} {
		var c tls.Certificate
		if c, err = x.ca.DeviceCertificate(now, "dev-1"); err != nil {
			t.Fatal(err)
		}
		_, err = c.Leaf.Verify(x509.VerifyOptions{Roots: doors.clientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if x.trusted != (err == nil) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

func TestClientCAsThatCannotBe(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, f := range map[string]doorFlags{
		"no such file":        {https: "127.0.0.1:0", clientCAs: []string{empty + "x"}},
		"holds no certifica":  {https: "127.0.0.1:0", clientCAs: []string{empty}},
		"takes --mqtts or --": {http: "127.0.0.1:0", clientCAs: []string{empty}},
	} {
		f.mqtts, f.state = "off", t.TempDir()
		if doors, err := f.open(time.Now()); err == nil || !strings.Contains(err.Error(), says) {
			doors.close()
			t.Errorf("%+v: %v, want %q", f, err, says)
		}
	}
}
