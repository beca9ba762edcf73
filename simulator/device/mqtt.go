package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

const (
	apiVersion   = "2021-04-12"
	tokenLife    = 30 * 24 * time.Hour // longer than a simulation, which should not see its devices leave every hour
	keepAlive    = 60 * time.Second
	mqttPatience = 10 * time.Second // to connect, and for an acknowledgement
	writeTime    = 3 * time.Second  // also how long a publish hangs in paho when the connection is lost under it
	partingTime  = 3 * time.Second  // for the hub to close its end after DISCONNECT
)

// DialMQTT connects devices over real MQTT 3.1.1 at address ("127.0.0.1:1883"), without TLS, with the client that
// most Go programs use (Eclipse Paho). login gives a device's connection string; each connect makes
// a new SAS token of it. c must be the hub's clock, by which tokens expire.
//
// As Azure's SDKs do, sessions are kept, and twins and methods go at QoS 0, telemetry and messages from the cloud
// at QoS 1. Subscribe and Telemetry wait for the hub, so a Receiver must not send them from Receive. Close returns at once; when Closed has
// been called all goroutines of the connection have ended or are about to.
func DialMQTT(c clock.Clock, address string, login func(device string) (wire.ConnectionString, error)) wire.Dial {
	return DialMQTTOver(c, func(ctx context.Context) (net.Conn, error) {
		dialer := net.Dialer{Timeout: mqttPatience}
		return dialer.DialContext(ctx, "tcp", address)
	}, login)
}

// DialMQTTOver is DialMQTT over connections that open makes, such as the ends of a net.Pipe, one for
// each connect. It is told by ctx when nobody waits for it any more.
func DialMQTTOver(c clock.Clock, open func(ctx context.Context) (net.Conn, error), login func(device string) (wire.ConnectionString, error)) wire.Dial {
	return func(ctx context.Context, o wire.Options, r wire.Receiver) (wire.Conn, error) {
		entry, err := login(o.Device)
		if err != nil {
			return nil, err
		}
		conn := &mqttConn{id: o.Identity, receiver: r}
		options := conn.options(o)
		options.AddBroker("tcp://" + entry.Host) // not dialled: paho wants one
		options.SetUsername(wire.Username{Host: entry.Host, ClientID: o.Identity.String(), APIVersion: apiVersion}.String())
		options.SetPassword(wire.NewToken(entry.Resource(), entry.Policy, entry.Key, c.Now().Add(tokenLife)))
		return conn, conn.connect(ctx, options, open)
	}
}

// An mqttConn is a wire.Conn over one client of paho, which is used for one connection only.
type mqttConn struct {
	id       wire.Identity
	client   mqtt.Client
	socket   *parting
	present  bool
	receiver wire.Receiver

	sending sync.RWMutex // held for reading while something is sent, so that paho does not stop under it
	closing bool         // guarded by sending

	turn  sync.Mutex // held while the receiver is called
	ended bool       // it was told the end; guarded by turn
}

func (c *mqttConn) options(o wire.Options) *mqtt.ClientOptions {
	options := mqtt.NewClientOptions()
	options.SetClientID(o.Identity.String())
	options.SetProtocolVersion(4)
	options.SetCleanSession(o.CleanSession)
	options.SetAutoReconnect(false) // the device does it, through its clock
	options.SetConnectRetry(false)
	options.SetOrderMatters(true)
	options.SetKeepAlive(keepAlive)
	options.SetConnectTimeout(mqttPatience)
	options.SetWriteTimeout(writeTime)
	options.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.receive(m) })
	options.SetConnectionLostHandler(func(_ mqtt.Client, err error) { c.end(lossReason(err)) })
	return options
}

// connect gives up when ctx ends, as paho itself would not.
func (c *mqttConn) connect(ctx context.Context, options *mqtt.ClientOptions, open func(context.Context) (net.Conn, error)) error {
	giveUp := func() bool { return true }
	address := "the hub" // until there is one
	options.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
		conn, err := open(ctx)
		if err != nil {
			return nil, err
		}
		address = conn.RemoteAddr().String()
		giveUp = context.AfterFunc(ctx, func() { conn.Close() })
		c.socket = newParting(conn)
		return c.socket, nil
	})
	c.client = mqtt.NewClient(options)
	t := c.client.Connect().(*mqtt.ConnectToken)
	<-t.Done()
	giveUp()
	if t.Error() != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("connect to %s over MQTT: %w", address, t.Error())
	}
	c.present = t.SessionPresent()
	return nil
}

func lossReason(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the hub closed it")
	}
	return err
}

// receive drops what no hub sends.
func (c *mqttConn) receive(m mqtt.Message) {
	message, err := wire.ParseFromHub(c.id, m.Topic(), m.Payload())
	if err != nil {
		return
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	if !c.ended {
		c.receiver.Receive(c, message)
	}
}

// end tells the receiver, once.
func (c *mqttConn) end(reason error) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if !c.ended {
		c.ended = true
		c.receiver.Closed(c, reason)
	}
}

// SessionPresent says whether the hub had kept the subscriptions.
func (c *mqttConn) SessionPresent() bool { return c.present }

// Close sends DISCONNECT and ends everything once the hub has taken what was sent before, or partingTime is over, in a
// goroutine of its own: it may be called by the receiver, in the very goroutine that has to end.
func (c *mqttConn) Close() error {
	go func() {
		if c.beginClosing() {
			c.socket.leave(partingTime)
			c.client.Disconnect(uint(partingTime.Milliseconds()))
			<-c.socket.gone
			c.end(nil)
		}
	}()
	return nil
}

// beginClosing waits until nothing is being sent, and says whether it is the first to close.
func (c *mqttConn) beginClosing() bool {
	c.sending.Lock()
	defer c.sending.Unlock()
	first := !c.closing
	c.closing = true
	return first
}

// Send publishes a message, or subscribes.
func (c *mqttConn) Send(m wire.Message) error {
	switch m := m.(type) {
	case wire.Subscribe:
		return c.subscribe(m.Feeds)
	case wire.Unsubscribe:
		return answered(c.begin(func() mqtt.Token { return c.client.Unsubscribe(wire.Filters(c.id, m.Feeds)...) }))
	}
	topic, body, err := wire.Topic(c.id, m)
	if err != nil {
		return err
	}
	if _, isTelemetry := m.(wire.Telemetry); isTelemetry {
		return answered(c.begin(func() mqtt.Token { return c.client.Publish(topic, 1, false, body) }))
	}
	_, err = c.begin(func() mqtt.Token { return c.client.Publish(topic, 0, false, body) })
	return err
}

// begin hands paho a packet unless the connection has ended.
func (c *mqttConn) begin(send func() mqtt.Token) (mqtt.Token, error) {
	c.sending.RLock()
	defer c.sending.RUnlock()
	if c.closing || !c.client.IsConnectionOpen() {
		return nil, wire.ErrClosed
	}
	return send(), nil
}

func (c *mqttConn) subscribe(feeds wire.Feeds) error {
	filters := wire.Filters(c.id, feeds)
	wanted := make(map[string]byte, len(filters))
	for _, f := range filters {
		wanted[f] = 0
	}
	for _, f := range wire.Filters(c.id, feeds&wire.DeviceboundFeed) {
		wanted[f] = 1 // so that none is lost with the connection; paho acknowledges when Receive has returned
	}
	t, err := c.begin(func() mqtt.Token { return c.client.SubscribeMultiple(wanted, nil) })
	if err := answered(t, err); err != nil {
		return err
	}
	for _, f := range filters {
		if granted := t.(*mqtt.SubscribeToken).Result()[f]; granted > 1 {
			return fmt.Errorf("the hub refused the subscription of %s", f)
		}
	}
	return nil
}

// answered waits for the hub's acknowledgement of what was begun.
func answered(t mqtt.Token, err error) error {
	switch {
	case err != nil:
		return err
	case !t.WaitTimeout(mqttPatience):
		return fmt.Errorf("the hub has acknowledged nothing for %v", mqttPatience)
	case errors.Is(t.Error(), mqtt.ErrNotConnected):
		return wire.ErrClosed
	}
	return t.Error()
}
