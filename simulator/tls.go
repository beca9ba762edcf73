package simulator

import "crypto/tls"

// TLSConfig is how a hub's doors speak TLS with the certificate given, for tls.NewListener: versions 1.2,
// which some SDKs insist on, and 1.3. A device may show a certificate of its own and need not. Whether one is
// good for a device is decided at its CONNECT, since only then the hub knows which device it is.
//
// HTTP/2 is not offered: it has no upgrade to WebSocket.
func TLSConfig(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		ClientAuth:   tls.RequestClientCert,
	}
}
