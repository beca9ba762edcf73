package simulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	webSocketPath = "/$iothub/websocket"
	maxFrame      = 1 << 20         // bytes of a WebSocket message, which may hold many packets
	goodbyeTime   = 1 * time.Second // to say that a connection ends
)

// upgrader has small buffers, since a connection keeps its own for life. Any origin will do: what opens the
// hub is the token in a device's CONNECT, which no browser adds by itself.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: 10 * time.Second,
	ReadBufferSize:   256,
	WriteBufferSize:  4 << 10,
	WriteBufferPool:  &sync.Pool{},
	CheckOrigin:      func(*http.Request) bool { return true },
}

// upgrade makes a request for MQTT over WebSocket a connection of its own. Any other request is answered.
func (h *Hub) upgrade(w http.ResponseWriter, r *http.Request) (net.Conn, bool) {
	refuse := func(why string) { h.writeFault(w, argumentInvalid.fault("%s", why), false) }
	offered := websocket.Subprotocols(r)
	chosen := mqttAmong(offered)
	switch {
	case !websocket.IsWebSocketUpgrade(r):
		refuse("This path is for MQTT over WebSocket, and the request does not ask for the upgrade")
		return nil, false
	case chosen == "":
		refuse(fmt.Sprintf("MQTT over WebSocket needs the sub-protocol mqtt, and the client offers %s. AMQP is not simulated: choose the SDK's transport MQTT or MQTT over WebSocket", listed(offered)))
		return nil, false
	}
	u := upgrader
	u.Error = func(_ http.ResponseWriter, _ *http.Request, _ int, reason error) { refuse(printable(reason.Error())) }
	conn, err := u.Upgrade(w, r, http.Header{"Sec-Websocket-Protocol": {chosen}})
	if err != nil {
		return nil, false
	}
	conn.SetReadLimit(maxFrame)
	return &framed{ws: conn}, true
}

// mqttAmong finds MQTT among sub-protocols, as the client spells it: SDKs write mqtt and MQTT, and want
// to hear their own spelling.
func mqttAmong(offered []string) string {
	for _, name := range offered {
		if strings.EqualFold(name, "mqtt") {
			return name
		}
	}
	return ""
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return printable(strings.Join(names, ", "))
}

// A framed connection is a WebSocket as MQTT sees it: a stream of bytes, however they were put into frames.
type framed struct {
	ws    *websocket.Conn
	frame io.Reader // the rest of the message that is being read; nil between two
}

var errNotBinary = errors.New("a WebSocket message that is not binary")

func (f *framed) Read(p []byte) (int, error) {
	for {
		if f.frame == nil {
			if err := f.next(); err != nil {
				return 0, err
			}
		}
		n, err := f.frame.Read(p)
		if err == io.EOF {
			f.frame, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next waits for a message. Pings are answered meanwhile.
func (f *framed) next() error {
	kind, frame, err := f.ws.NextReader()
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return io.EOF
	case err != nil:
		return err
	case kind != websocket.BinaryMessage:
		f.bye(websocket.CloseUnsupportedData, "MQTT comes in binary messages")
		return errNotBinary
	}
	f.frame = frame
	return nil
}

func (f *framed) Write(p []byte) (int, error) {
	if err := f.ws.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *framed) bye(code int, text string) {
	f.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(goodbyeTime))
}

// Close says goodbye unless that has been said.
func (f *framed) Close() error {
	f.bye(websocket.CloseNormalClosure, "")
	return f.ws.Close()
}

// ConnectionState is that of the TLS below, with the certificate that the device has shown; zero without TLS.
func (f *framed) ConnectionState() tls.ConnectionState {
	if below, ok := f.ws.NetConn().(*tls.Conn); ok {
		return below.ConnectionState()
	}
	return tls.ConnectionState{}
}

func (f *framed) LocalAddr() net.Addr                { return f.ws.LocalAddr() }
func (f *framed) RemoteAddr() net.Addr               { return f.ws.RemoteAddr() }
func (f *framed) SetReadDeadline(t time.Time) error  { return f.ws.SetReadDeadline(t) }
func (f *framed) SetWriteDeadline(t time.Time) error { return f.ws.SetWriteDeadline(t) }

func (f *framed) SetDeadline(t time.Time) error {
	return errors.Join(f.SetReadDeadline(t), f.SetWriteDeadline(t))
}
