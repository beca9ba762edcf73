package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// CheckListen says why a server must not listen on an address, such as "127.0.0.1:8099" or ":8099": whoever reaches a server
// without authentication may do everything, so only this machine may.
func CheckListen(listen string, authenticated bool) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("listen on %q: write HOST:PORT, such as 127.0.0.1:8099", listen)
	}
	if authenticated || loopbackHost(host) {
		return nil
	}
	if host == "" {
		host = "every address"
	}
	return fmt.Errorf("listen on %s: anybody who reaches %s could do everything, since no tokens and no oidc are configured; configure them, or listen on 127.0.0.1", listen, host)
}

// Loopback says whether an address to listen on is reached from this machine only.
func Loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && loopbackHost(host)
}

// loopbackHost says whether a host, without a port, is this machine by its loopback interface. Names ending in .localhost are, by
// RFC 6761: browsers and resolvers ask nobody for them.
func loopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// foreignHeaders are set by programs that pass on what others asked.
var foreignHeaders = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// checkLocal says why a request does not come from this machine as far as can be seen. It is asked where nothing else protects the
// server.
func checkLocal(r *http.Request) *Refusal {
	if !loopbackHost(hostOnly(r.Host)) {
		// A page can have its own name resolve to 127.0.0.1 (DNS rebinding), but then its name is what the browser sends.
		return refuse(http.StatusForbidden, "this server answers only to localhost and loopback addresses, and the request is for another host: without tokens or oidc in the configuration, use http://localhost")
	}
	if !loopbackAddr(r.RemoteAddr) || !localEnd(r) {
		return refuse(http.StatusForbidden, "without tokens or oidc in the configuration, only this machine itself is answered")
	}
	for _, name := range foreignHeaders {
		if r.Header.Get(name) != "" {
			return refuse(http.StatusForbidden, "the request came through a proxy ("+name+"), and everybody behind it could do everything: configure tokens or oidc")
		}
	}
	if !r.ProtoAtLeast(1, 1) {
		// What nginx speaks to a server behind it unless told otherwise, with none of the headers above and a Host that is ours.
		return refuse(http.StatusForbidden, "the request is HTTP/1.0, as proxies send it: configure tokens or oidc, or use HTTP/1.1")
	}
	return nil
}

// localEnd says whether our own end of the connection is on the loopback interface, if the server tells.
func localEnd(r *http.Request) bool {
	own, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return !ok || loopbackAddr(own.String())
}

func loopbackAddr(address string) bool {
	ap, err := netip.ParseAddrPort(address)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// hostOnly is a Host header without its port.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
