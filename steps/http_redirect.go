package steps

import (
	"fmt"
	nethttp "net/http"

	"github.com/twinbook/twinbook/engine"
)

// mostRedirects is how often a read is sent on.
const mostRedirects = 10

// redirect is asked before a request is sent on to next; behind it are those that were sent, the
// oldest first. Only a read is sent on, since nobody knows whether the server that sends on has acted.
// Headers and body, which may hold secrets, go to the server that the file names, and to no other;
// once the trail has left it, they are not sent again.
func redirect(next *nethttp.Request, behind []*nethttp.Request) error {
	first := behind[0]
	switch {
	case first.Method != nethttp.MethodGet && first.Method != nethttp.MethodHead:
		return nethttp.ErrUseLastResponse
	case next.URL.Scheme != "http" && next.URL.Scheme != "https" || next.URL.Host == "":
		return lost("was redirected to %s, which is no address of a server", next.URL)
	case len(behind) > mostRedirects:
		return lost("was redirected more than %d times, at last to %s", mostRedirects, next.URL)
	}
	for _, request := range append(behind[1:len(behind):len(behind)], next) {
		if !sameServer(first, request) {
			next.Header = nethttp.Header{}
			next.Body, next.GetBody, next.ContentLength = nil, nil, 0
		}
	}
	return nil
}

func lost(format string, args ...any) error {
	return &engine.Error{Kind: engine.KindFailed, Message: fmt.Sprintf(format, args...)}
}

// sameServer says whether what is meant for one URL may go to the other. A step up to https is no other server.
func sameServer(from, to *nethttp.Request) bool {
	return from.URL.Host == to.URL.Host && (from.URL.Scheme == to.URL.Scheme || to.URL.Scheme == "https")
}
