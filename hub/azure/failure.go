package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/twinbook/twinbook/hub"
)

// fail is the error of a request. What only reads never leaves an effect behind.
func (r request) fail(kind hub.Kind, sent bool, err error) *hub.Error {
	return &hub.Error{Op: r.op, Device: r.target.String(), Kind: kind, Sent: sent && r.effect != read, Err: err}
}

// lost is the error of a request that got no verdict; written says whether bytes of it may have left.
func (c *Client) lost(ctx context.Context, r request, written bool, err error) error {
	var large errTooLarge
	switch {
	case errors.As(err, &large):
		return r.fail(r.garbled(), true, err)
	case ctx.Err() != nil:
		return r.ended(context.Cause(ctx), written)
	case !written:
		return r.fail(hub.Unavailable, false, c.unreachable(err))
	}
	what := fmt.Errorf("the connection to the hub at %s was lost before its answer was complete: %s", c.host, reason(err))
	if r.effect == once {
		return r.fail(hub.Interrupted, true, fmt.Errorf("%w; nobody can say whether the device got it", what))
	}
	return r.fail(hub.Unavailable, true, what)
}

// ended is the error of a request whose context ended first.
func (r request) ended(cause error, written bool) error {
	kind, what := hub.Interrupted, "the wait for the hub's answer was given up"
	if errors.Is(cause, context.DeadlineExceeded) {
		kind, what = hub.Timeout, "no answer from the hub in time"
	}
	if !written {
		what += ", before the request was sent"
	}
	return r.fail(kind, written, fmt.Errorf("%s: %w", what, cause))
}

// garbled is the kind of an answer that says yes and cannot be understood: the device's fault where
// the answer is the device's, else the hub's.
func (r request) garbled() hub.Kind {
	if r.effect == once {
		return hub.Failed
	}
	return hub.Unavailable
}

// unreachable says in plain words why no request could leave.
func (c *Client) unreachable(err error) error {
	what := fmt.Sprintf("the hub is not reachable at %s: %s", c.host, reason(err))
	var unknown x509.UnknownAuthorityError
	var name *net.DNSError
	switch {
	case errors.As(err, &unknown):
		what += "; if the hub has a CA of its own, name its file in ca: or TWINBOOK_CA"
	case c.plain && errors.As(err, new(tls.RecordHeaderError)):
		what += "; is another program listening there?"
	case c.plain:
		what += "; is the simulator running?"
	case errors.As(err, &name) && name.IsNotFound:
		what += "; check HostName in the connection string"
	default:
		what += "; check HostName in the connection string and the network"
	}
	return errors.New(what)
}

// reason is the innermost thing that went wrong, without Go's names for the way there.
func reason(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &dns):
		return clean(dns.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed by the other side"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return clean(err.Error())
}
