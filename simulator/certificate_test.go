package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	mathbig "math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A signer is a certificate with its key.
type signer struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// certify makes a certificate, signed by a signer or by itself. It is good from an hour before to an hour
// after a time.
func certify(t testing.TB, by *signer, name string, at time.Time, change func(*x509.Certificate)) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: mathbig.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour), BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	if by == nil {
		by = &signer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{c, key}
}

func isCA(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

func forServers(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

// chain is what a device shows: its certificate, and those between it and its CA.
func (s *signer) chain(between ...*signer) []tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{s.Raw}, PrivateKey: s.key}
	for _, b := range between {
		c.Certificate = append(c.Certificate, b.Raw)
	}
	return []tls.Certificate{c}
}

func (s *signer) sha1() string   { return fmt.Sprintf("%X", sha1.Sum(s.Raw)) }
func (s *signer) sha256() string { return fmt.Sprintf("%x", sha256.Sum256(s.Raw)) }

// offset is the machine's clock, set wrong.
type offset struct {
	clock.Clock
	by time.Duration
}

func (o offset) Now() time.Time { return o.Clock.Now().Add(o.by) }

// listenTLS is a door with TLS.
func listenTLS(t testing.TB, h *Hub, server *signer) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, h, tls.NewListener(l, TLSConfig(server.chain()[0])))
	return l.Addr().String()
}

func dialTLS(t *testing.T, address string, shown []tls.Certificate) *talk {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, Certificates: shown})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &talk{t, conn}
}

// withoutPassword is the CONNECT of a device that has a certificate.
func withoutPassword(client string) string {
	return frame(0x10, text16("MQTT")+"\x04\x80\x00\xb4"+text16(client)+text16("localhost/"+client+"/?api-version=2021-04-12"))
}

// Who comes in with a certificate, and who does not. The hub's clock is two years ahead of the machine's,
// and it is the hub's that counts.
func TestCertificates(t *testing.T) {
	ahead := offset{clock.Real(), 2 * 365 * 24 * time.Hour}
	now := ahead.Now()
	ca := certify(t, nil, "the CA", now, isCA)
	middle := certify(t, ca, "a factory", now, isCA)
	stranger := certify(t, nil, "the CA", now, isCA)
	trusted := x509.NewCertPool()
	trusted.AddCert(ca.Certificate)
	h := newHub(t, Config{Clock: ahead, ClientCAs: trusted})
	address := listenTLS(t, h, certify(t, nil, "server", time.Now(), nil))

	own, spare, old := certify(t, nil, "whoever", now, nil), certify(t, nil, "", now, forClients), certify(t, nil, "old", time.Now(), nil)
	for _, d := range []Device{
		{ID: "sas", Modules: []Module{{ID: "ca", Authentication: CertificateAuthority}, {ID: "self", PrimaryThumbprint: own.sha1()}}},
		{ID: "self", PrimaryThumbprint: own.sha1(), SecondaryThumbprint: strings.ToUpper(spare.sha256())},
		{ID: "lower", SecondaryThumbprint: strings.ToLower(own.sha1())},
		{ID: "old", PrimaryThumbprint: old.sha256()},
		{ID: "ca", Authentication: CertificateAuthority},
		{ID: "none", Authentication: NoAuthentication},
		{ID: "off", PrimaryThumbprint: own.sha1(), Disabled: true},
	} {
		if err := h.AddDevice(d); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		name, id string
		shown    []tls.Certificate
		want     string
	}{
		{"primary thumbprint", "self", own.chain(), ok},
		{"secondary, SHA-256, upper case", "self", spare.chain(), okPresent},
		{"lower case", "lower", own.chain(), ok},
		{"another's thumbprint", "self", old.chain(), refusedAuth},
		{"of a CA where a thumbprint is due", "self", certify(t, ca, "self", now, nil).chain(), refusedAuth},
		{"expired", "old", old.chain(), refusedAuth},
		{"disabled", "off", own.chain(), refusedAuth},
		{"no certificate", "self", nil, refusedAuth},
		{"no certificate of a CA", "ca", nil, refusedAuth},

		{"signed by the CA", "ca", certify(t, ca, "ca", now, nil).chain(), ok},
		{"for clients", "ca", certify(t, ca, "ca", now, forClients).chain(), okPresent},
		{"through another CA", "ca", certify(t, middle, "ca", now, nil).chain(middle), okPresent},
		{"a link is missing", "ca", certify(t, middle, "ca", now, nil).chain(), refusedAuth},
		{"the link brings its own CA", "ca", certify(t, stranger, "ca", now, nil).chain(stranger), refusedAuth},
		{"signed by itself", "ca", certify(t, nil, "ca", now, nil).chain(), refusedAuth},
		{"signed by a certificate that is no CA", "ca", certify(t, own, "ca", now, nil).chain(own), refusedAuth},
		{"for another device", "ca", certify(t, ca, "self", now, nil).chain(), refusedAuth},
		{"in another case", "ca", certify(t, ca, "CA", now, nil).chain(), refusedAuth},
		{"for servers", "ca", certify(t, ca, "ca", now, forServers).chain(), refusedAuth},
		{"not yet good", "ca", certify(t, ca, "ca", now.Add(2*time.Hour), nil).chain(), refusedAuth},
		{"no longer good", "ca", certify(t, ca, "ca", now.Add(-2*time.Hour), nil).chain(), refusedAuth},

		{"a module", "sas/ca", certify(t, ca, "sas/ca", now, nil).chain(), ok},
		{"a module with a thumbprint", "sas/self", own.chain(), ok},
		{"a module as its device", "sas/ca", certify(t, ca, "sas", now, nil).chain(), refusedAuth},
		{"a device with SAS", "sas", certify(t, ca, "sas", now, nil).chain(), refusedAuth},
		{"a device with no authentication", "none", certify(t, ca, "none", now, nil).chain(), refusedAuth},
		{"an unknown device", "nobody", certify(t, ca, "nobody", now, nil).chain(), refusedAuth},
	} {
		k := dialTLS(t, address, x.shown)
		k.say(withoutPassword(x.id))
		t.Run(x.name, func(t *testing.T) {
			k.T = t
			k.hear(x.want)
			if x.want == refusedAuth {
				k.hearEnd()
			}
		})
	}
}

// A token of a key that the device does not have is no way in, with a certificate or without. A hub's policy
// is one, and a device with SAS may show a certificate that nobody asked for.
func TestTokensAndCertificates(t *testing.T) {
	h := newHub(t, Config{})
	own := certify(t, nil, "dev", h.clock.Now(), nil)
	address := listenTLS(t, h, certify(t, nil, "server", time.Now(), nil))
	if err := h.AddDevice(Device{ID: "self", PrimaryThumbprint: own.sha1()}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.DeviceConnectionString("self"); err == nil || !strings.Contains(err.Error(), "no keys") {
		t.Errorf("the connection string of a device without keys: %v", err)
	}
	later := h.clock.Now().Add(time.Hour)
	derived := wire.NewToken("localhost/devices/self", "", h.key("device", "self", "primary"), later)
	for _, x := range []struct {
		name, id, token string
		shown           []tls.Certificate
		want            string
	}{
		{"token of its own", "self", derived, nil, refusedAuth},
		{"and its certificate", "self", derived, own.chain(), refusedAuth},
		{"policy", "self", policyToken(t, h, "device", "localhost"), nil, ok},
		{"certificate beside SAS", "dev-1", deviceToken(t, h, "dev-1", time.Hour), own.chain(), ok},
	} {
		k := dialTLS(t, address, x.shown)
		k.say(connectBytes(x.id, "localhost/"+x.id+"/?api-version=2021-04-12", x.token))
		t.Run(x.name, func(t *testing.T) { k.T = t; k.hear(x.want) })
	}
	k := dialTCP(t, listen(t, h)) // no TLS at all
	k.say(withoutPassword("self"))
	k.hear(refusedAuth)
}

// X.509 over REST: the type is found where it is not named, and what the type has no use for is dropped.
func TestX509Identities(t *testing.T) {
	c := newCaller(t, Config{})
	print1, print2 := strings.Repeat("0aF", 13)+"1", strings.Repeat("b", 64)
	for _, x := range []struct{ auth, keys, thumbprints, kind string }{
		{`{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"` + print1 + `","secondaryThumbprint":"` + print2 + `"},"symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="}}`, `null`, `"primaryThumbprint":"` + print1 + `","secondaryThumbprint":"` + print2 + `"`, "selfSigned"},
		{`{"x509Thumbprint":{"secondaryThumbprint":"` + print2 + `"}}`, `null`, `"primaryThumbprint":null,"secondaryThumbprint":"` + print2 + `"`, "selfSigned"},
		{`{"type":"CERTIFICATEAUTHORITY","x509Thumbprint":{"primaryThumbprint":null},"symmetricKey":null}`, `null`, `"primaryThumbprint":null,"secondaryThumbprint":null`, "certificateAuthority"},
		{`{"type":"none"}`, `null`, `"primaryThumbprint":null,"secondaryThumbprint":null`, "none"},
		{`{"type":"sas","x509Thumbprint":{"primaryThumbprint":"` + print1 + `"}}`, `"KEY"`, `"primaryThumbprint":null,"secondaryThumbprint":null`, "sas"},
		{`{}`, `"KEY"`, `"primaryThumbprint":null,"secondaryThumbprint":null`, "sas"},
		{`null`, `"KEY"`, `"primaryThumbprint":null,"secondaryThumbprint":null`, "sas"},
	} {
		got := c.do("PUT", "/devices/x", `{"deviceId":"x","authentication":`+x.auth+`}`)
		want := `"authentication":{"symmetricKey":{"primaryKey":` + x.keys + `,"secondaryKey":` + x.keys + `},"x509Thumbprint":{` + x.thumbprints + `},"type":"` + x.kind + `"}`
		if got.status != 200 || !strings.Contains(plain(got.body), want) {
			t.Errorf("%s\n got %d %s\nwant %s", x.auth, got.status, got.body, want)
		}
		if twin := c.do("GET", "/twins/x", "").body; !strings.Contains(twin, `"authenticationType":"`+x.kind+`","x509Thumbprint":{`+x.thumbprints+`}`) {
			t.Errorf("%s: the twin is %s", x.auth, twin)
		}
		c.do("DELETE", "/devices/x", "")
	}
	c.do("PUT", "/devices/x", `{"deviceId":"x","authentication":{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"`+print1+`"}}}`)
	page, err := c.hub.ask(inquiry{text: "SELECT deviceId FROM devices WHERE authenticationType = 'selfSigned' AND x509Thumbprint.primaryThumbprint = '" + print1 + "'"})
	if err != nil || len(page.rows) != 1 {
		t.Errorf("query: %v, %v", page.rows, err)
	}
}
