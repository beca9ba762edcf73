package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A webTalk is the frames between a device and the hub.
type webTalk struct {
	*testing.T
	*websocket.Conn
}

// dialWeb connects with frames of at most so many bytes.
func dialWeb(t *testing.T, address string, frame int) *webTalk {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}, WriteBufferSize: frame}
	conn, _, err := dialer.Dial("ws://"+address+webSocketPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(patience))
	return &webTalk{t, conn}
}

func (k *webTalk) say(kind int, b string) {
	k.Helper()
	if err := k.WriteMessage(kind, []byte(b)); err != nil {
		k.Fatalf("say: %v", err)
	}
}

// hear takes as many messages as the words wanted come in.
func (k *webTalk) hear(want string) {
	k.Helper()
	var got string
	for len(got) < len(want) {
		kind, b, err := k.ReadMessage()
		if err != nil || kind != websocket.BinaryMessage {
			k.Fatalf("heard %q, then %d %q, %v; want %q", got, kind, b, err, want)
		}
		got += string(b)
	}
	if got != want {
		k.Fatalf("heard %q, want %q", got, want)
	}
}

// hearEnd wants the hub to end the connection with a close frame.
func (k *webTalk) hearEnd(code int) {
	k.Helper()
	_, b, err := k.ReadMessage()
	var closed *websocket.CloseError
	if code == websocket.CloseMessageTooBig && errors.Is(err, syscall.ECONNRESET) {
		return // the rest of the message met a closed socket, and that news can be faster
	}
	if !errors.As(err, &closed) || closed.Code != code {
		k.Errorf("heard %q, %v; want the end with code %d", b, err, code)
	}
}

func webConnect(t *testing.T, h *Hub) string {
	return connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour))
}

const (
	methodsBytes = "\x82\x1b\x00\x01\x00\x16$iothub/methods/POST/#\x00"
	subackBytes  = "\x90\x03\x00\x01\x00"
	pingBytes    = "\xc0\x00"
	pongBytes    = "\xd0\x00"
)

// MQTT is a stream of bytes to the hub, whatever messages and frames it comes in.
func TestPacketsInFrames(t *testing.T) {
	h := newHub(t, Config{})
	d := openDoors(t, h)
	all := webConnect(t, h) + methodsBytes + pingBytes
	want := subackBytes + pongBytes
	for name, send := range map[string]func(*webTalk){
		"all in one message": func(k *webTalk) { k.say(websocket.BinaryMessage, all) },
		"a byte a message": func(k *webTalk) {
			for i := range all {
				k.say(websocket.BinaryMessage, all[i:i+1])
			}
		},
		"empty messages between": func(k *webTalk) {
			for i := range 3 {
				k.say(websocket.BinaryMessage, "")
				k.say(websocket.BinaryMessage, all[i*len(all)/3:(i+1)*len(all)/3])
			}
		},
		"a message of many frames": func(k *webTalk) {
			w, err := k.NextWriter(websocket.BinaryMessage)
			if err != nil {
				k.Fatal(err)
			}
			io.WriteString(w, all)
			w.Close()
		},
		"pings between": func(k *webTalk) {
			for i := range all {
				k.WriteControl(websocket.PingMessage, []byte("hi"), time.Now().Add(patience))
				k.say(websocket.BinaryMessage, all[i:i+1])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := dialWeb(t, d.http, 16)
			pongs := 0
			k.SetPongHandler(func(text string) error {
				if text == "hi" {
					pongs++
				}
				return nil
			})
			send(k)
			_, connack, err := k.ReadMessage()
			if err != nil || !strings.HasPrefix(string(connack), "\x20\x02") || connack[3] != 0 {
				t.Fatalf("heard %q, %v; want CONNACK", connack, err)
			}
			rest, also := strings.CutPrefix(want, string(connack[4:]))
			if !also {
				t.Fatalf("heard %q after CONNACK, want %q", connack[4:], want)
			}
			k.hear(rest)
			if name == "pings between" && pongs != len(all) {
				t.Errorf("%d of %d pings were answered", pongs, len(all))
			}
			k.say(websocket.BinaryMessage, "\xe0\x00")
			k.hearEnd(websocket.CloseNormalClosure)
		})
	}
}

func TestFramesThatEndAConnection(t *testing.T) {
	h := newHub(t, Config{ConnectTimeout: 200 * time.Millisecond})
	d := openDoors(t, h)
	for _, c := range []struct {
		name string
		send func(*webTalk)
		code int
	}{
		{"text", func(k *webTalk) { k.say(websocket.TextMessage, "hello") }, websocket.CloseUnsupportedData},
		{"a message that is too large", func(k *webTalk) {
			k.say(websocket.BinaryMessage, webConnect(k.T, h))
			k.hear(ok)
			k.WriteMessage(websocket.BinaryMessage, []byte(strings.Repeat(publishBytes("devices/dev-1/messages/events/", strings.Repeat("x", 200_000)), 6)))
		}, websocket.CloseMessageTooBig},
		{"silence", func(*webTalk) {}, websocket.CloseNormalClosure},
		{"half a CONNECT", func(k *webTalk) { k.say(websocket.BinaryMessage, "\x10\x20\x00") }, websocket.CloseNormalClosure},
		{"not MQTT", func(k *webTalk) { k.say(websocket.BinaryMessage, "GET / HTTP/1.1\r\n\r\n") }, websocket.CloseNormalClosure},
		{"the client's own close", func(k *webTalk) {
			k.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(patience))
		}, websocket.CloseGoingAway},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := dialWeb(t, d.http, 4096)
			c.send(k)
			k.hearEnd(c.code)
		})
	}
}

// Frames that no client may send: not masked, or of a kind that does not exist.
func TestBrokenFrames(t *testing.T) {
	d := openDoors(t, newHub(t, Config{}))
	for name, frame := range map[string]string{
		"not masked":           "\x82\x02\xc0\x00",
		"an unknown kind":      "\x83\x80\x00\x00\x00\x00",
		"a huge control frame": "\x89\xfe\x04\x00\x00\x00\x00\x00",
		"a length of 2^63":     "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"a rest of nothing":    "\x80\x80\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			k := dialWeb(t, d.http, 4096)
			if _, err := io.WriteString(k.NetConn(), frame); err != nil {
				t.Fatal(err)
			}
			if _, _, err := k.ReadMessage(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection did not end: %v", err)
			}
		})
	}
}

func TestSubprotocols(t *testing.T) {
	d := openDoors(t, newHub(t, Config{}))
	for _, c := range []struct {
		offered, chosen, refusal string
	}{
		{"mqtt", "mqtt", ""},
		{"MQTT", "MQTT", ""},
		{"mqttv3.1, Mqtt", "Mqtt", ""},
		{"", "", "the client offers none. AMQP is not simulated"},
		{"AMQPWSB10", "", "the client offers AMQPWSB10. AMQP is not simulated"},
		{"chat, superchat", "", "the client offers chat, superchat."},
	} {
		header := http.Header{"Origin": {"https://elsewhere.example"}}
		if c.offered != "" {
			header.Set("Sec-WebSocket-Protocol", c.offered)
		}
		conn, answer, err := websocket.DefaultDialer.Dial("ws://"+d.http+webSocketPath+"?iothub-no-client-cert=true", header)
		if c.refusal == "" {
			if err != nil || conn.Subprotocol() != c.chosen {
				t.Errorf("%q: %v", c.offered, err)
				continue
			}
			conn.Close()
			continue
		}
		wantRefusal(t, c.offered, answer, c.refusal)
	}
	for want, header := range map[string]http.Header{
		"does not ask for the upgrade": {},
		"unsupported version":          {"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Protocol": {"mqtt"}, "Sec-Websocket-Version": {"8"}},
	} {
		r, err := http.NewRequest("GET", "http://"+d.http+webSocketPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, want, answer, want)
	}
}

func wantRefusal(t *testing.T, what string, answer *http.Response, want string) {
	t.Helper()
	defer answer.Body.Close()
	var body errorBody
	err := json.NewDecoder(answer.Body).Decode(&body)
	if answer.StatusCode != 400 || err != nil || !strings.HasPrefix(body.Message, "ErrorCode:ArgumentInvalid;") || !strings.Contains(body.Message, want) {
		t.Errorf("%q: %d %s, %v; want %q", what, answer.StatusCode, body.Message, err, want)
	}
}

// A hub that ends says goodbye to its devices, and does not wait for one that does not listen.
func TestWebSocketsEndWithTheHub(t *testing.T) {
	h := newHub(t, Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.ServeREST(ctx, l) }()
	k := dialWeb(t, l.Addr().String(), 4096)
	k.say(websocket.BinaryMessage, webConnect(t, h))
	k.hear(ok)
	cancel()
	if err := within(t, "ServeREST to end", ended); err != nil {
		t.Error(err)
	}
	k.hearEnd(websocket.CloseNormalClosure)
}

// Who has the path wrong hears of the path, not of keys.
func TestWebSocketElsewhere(t *testing.T) {
	d := openDoors(t, newHub(t, Config{}))
	for _, path := range []string{"/mqtt", webSocketPath + "/", "/"} {
		_, answer, err := websocket.DefaultDialer.Dial("ws://"+d.http+path, http.Header{"Sec-WebSocket-Protocol": {"mqtt"}})
		if err == nil || answer == nil {
			t.Fatalf("%s: %v", path, err)
		}
		body, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != 404 || !strings.Contains(string(body), "MQTT is at "+webSocketPath) {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
}
