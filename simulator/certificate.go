package simulator

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"strings"
)

// shownBy is the certificate that the device at the other end has shown, and those that came with it. The
// TLS handshake has proved that the device has its private key, and nothing else.
func shownBy(conn net.Conn) []*x509.Certificate {
	if secured, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return secured.ConnectionState().PeerCertificates
	}
	return nil
}

// admitCertificate checks the certificate a device connects with instead of a token.
func (h *Hub) admitCertificate(d *device, shown []*x509.Certificate) error {
	id := d.known()
	switch {
	case id.kind != SelfSigned && id.kind != CertificateAuthority:
		return unauthorized.fault("Unauthorized").saying("%s came without a SAS token, and its authentication is %s", d.id, id.kind)
	case len(shown) == 0:
		return unauthorized.fault("Unauthorized").saying("%s came with neither a SAS token nor a client certificate", d.id)
	case id.kind == SelfSigned:
		return h.checkThumbprint(d, id, shown[0])
	}
	return h.checkChain(d, shown)
}

func (h *Hub) checkThumbprint(d *device, id *identity, shown *x509.Certificate) error {
	sha1, sha256 := sha1.Sum(shown.Raw), sha256.Sum256(shown.Raw)
	now := h.clock.Now()
	for _, known := range id.thumbprints {
		if !strings.EqualFold(known, hex.EncodeToString(sha1[:])) && !strings.EqualFold(known, hex.EncodeToString(sha256[:])) {
			continue
		}
		if now.Before(shown.NotBefore) || now.After(shown.NotAfter) {
			return unauthorized.fault("Unauthorized").saying("the certificate of %s is good from %s to %s only", d.id, timeText(shown.NotBefore), timeText(shown.NotAfter))
		}
		return nil
	}
	return unauthorized.fault("Unauthorized").saying("the certificate of %s has the SHA-1 thumbprint %X, which is not in its identity", d.id, sha1)
}

// checkChain wants a certificate for the device's own name that a CA of the hub has signed.
func (h *Hub) checkChain(d *device, shown []*x509.Certificate) error {
	if name := shown[0].Subject.CommonName; name != d.id {
		return unauthorized.fault("Unauthorized").saying("the certificate that %s has shown is for %.140q", d.id, name)
	}
	if h.config.ClientCAs == nil {
		return unauthorized.fault("Unauthorized").saying("the hub trusts no CA for devices, so %s cannot come in with a certificate of one", d.id)
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{
		Roots: h.config.ClientCAs, Intermediates: between, CurrentTime: h.clock.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return unauthorized.fault("Unauthorized").saying("the certificate of %s is not good: %v", d.id, err)
	}
	return nil
}
