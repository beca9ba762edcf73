// Package azure reaches devices through Azure IoT Hub's service REST API: twins, direct methods and
// queries, with the shared access key of one of the hub's policies.
//
// Its promise is to know what may have happened. A method call is written to the network once or
// not at all, and the error of a call without a verdict says whether the hub may have got it. The
// hub's answers are bounded in size and depth, and its texts are cleaned before anyone sees them.
//
// Messages are a call of our own that only the simulator has: the real hub speaks AMQP for them.
//
// It polls no twin and never tries again: see hub.Watcher and the retry rules of the language.
package azure

import (
	"math"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// apiVersion is the one that the Node and .NET service SDKs ask for.
const apiVersion = "2021-04-12"

// Options say how a Client reaches its hub; the zero value is fit for use.
type Options struct {
	// Clock gives the time for tokens and bounds every request. Nil: the machine's.
	Clock clock.Clock

	// CA is a PEM file of authorities to trust instead of the system's, for a hub with a CA of its own. With
	// it TLS is spoken on every port, that of a simulator on this machine, too.
	CA []byte

	// Connections is how many requests can be under way at once; others wait for their turn, unsent.
	// 0: 512.
	Connections int

	// Timeout is how long the hub may take for a twin or a page of a query. 0: 30s. A method call
	// has the time that the call itself allows, and 15s more, so that the hub's verdict comes first.
	Timeout time.Duration

	// Proxy picks the proxy for a request, as http.ProxyFromEnvironment does. Nil: none. A hub over
	// plain HTTP on this machine is never asked through a proxy.
	Proxy func(*http.Request) (*url.URL, error)
}

// A Client is one hub with the rights of one policy. It is safe for concurrent use.
type Client struct {
	clock     clock.Clock
	base      string // "https://plant.azure-devices.net"
	host      string // as people know it: "plant.azure-devices.net"
	policy    string
	plain     bool // HTTP without TLS, on this machine only
	tokens    *tokens
	transport *http.Transport
	timeout   time.Duration

	polls    atomic.Int32 // reads of telemetry that wait
	maxPolls int32        // of them that may hold a connection
}

var _ hub.Hub = (*Client)(nil)

// Open reads the connection string of one of the hub's policies and makes a Client from it; the
// network is first touched by the first request. An error says which part of the string is wrong
// and never shows the key.
func Open(connectionString string, o Options) (*Client, error) {
	conn, err := parseConnection(connectionString)
	if err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Connections <= 0 {
		o.Connections = 512
	}
	conn.plain = conn.plain && len(o.CA) == 0
	transport, err := newTransport(conn, o)
	if err != nil {
		return nil, err
	}
	return &Client{
		clock:     o.Clock,
		base:      conn.base(),
		host:      conn.host,
		policy:    conn.policy,
		plain:     conn.plain,
		tokens:    newTokens(conn),
		transport: transport,
		timeout:   o.Timeout,
		maxPolls:  int32(min((o.Connections+1)/2, math.MaxInt32)),
	}, nil
}

// Host is the hub's name as the connection string gives it.
func (c *Client) Host() string { return c.host }

// Close gives back the idle connections. Requests under way are not disturbed.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}
