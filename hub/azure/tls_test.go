package azure

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/hub"
)

// openTLS makes a Client that speaks TLS to a server on this machine.
func openTLS(t *testing.T, addr string, o Options) *Client {
	t.Helper()
	c := open(t, addr, o)
	conn := connection{host: addr}
	transport, err := newTransport(conn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	c.base, c.plain, c.transport = conn.base(), false, transport
	return c
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("spoke %s", r.Proto)
		}
		io.WriteString(w, `{"status":200,"payload":null}`)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	addr := s.Listener.Addr().String()

	_, err := openTLS(t, addr, Options{}).Invoke(t.Context(), reboot())
	if e := hubError(t, err); e.Kind != hub.Unavailable || e.Sent || !strings.Contains(err.Error(), "name its file in ca:") {
		t.Errorf("unknown authority: kind %s, sent %v: %v", e.Kind, e.Sent, err)
	}

	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	reply, err := openTLS(t, addr, Options{CA: ca}).Invoke(t.Context(), reboot())
	if err != nil || reply.Status != 200 {
		t.Errorf("known authority: %v, %v", reply, err)
	}
}

// A simulator of this machine that speaks TLS is taken for one that does not, unless its CA is known.
func TestPlainHTTPToAServerWithTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	_, err := open(t, s.Listener.Addr().String(), Options{}).Invoke(t.Context(), reboot())
	if e := hubError(t, err); e.Kind != hub.Unavailable || e.Sent || !strings.Contains(err.Error(), "speaks TLS; name the file of its CA") {
		t.Errorf("kind %s, sent %v: %v", e.Kind, e.Sent, err)
	}
}

func TestWithACAEveryPortSpeaksTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"status":200,"payload":null}`) }))
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	reply, err := open(t, s.Listener.Addr().String(), Options{CA: ca}).Invoke(t.Context(), reboot())
	if err != nil || reply.Status != 200 {
		t.Errorf("%v, %v", reply, err)
	}
}

func TestALostTLSAnswerMayBeDone(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	s.StartTLS()
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	_, err := openTLS(t, s.Listener.Addr().String(), Options{CA: ca}).Invoke(t.Context(), reboot())
	if e := hubError(t, err); e.Kind != hub.Interrupted || !e.Sent {
		t.Errorf("kind %s, sent %v (%v)", e.Kind, e.Sent, err)
	}
}

func TestTLSToAServerWithoutIt(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	_, err := openTLS(t, c.Host(), Options{}).Invoke(t.Context(), reboot())
	if e := hubError(t, err); e.Kind != hub.Unavailable || e.Sent {
		t.Errorf("kind %s, sent %v (%v)", e.Kind, e.Sent, err)
	}
}
