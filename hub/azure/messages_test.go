package azure

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

func TestSend(t *testing.T) {
	var where string
	var body map[string]any
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		where = r.Method + " " + r.URL.EscapedPath() + " " + r.URL.Query().Get("module")
		body = nil
		json.NewDecoder(r.Body).Decode(&body)
		io.WriteString(w, `{"messageId":"m1"}`)
	})
	for _, test := range []struct {
		message hub.Message
		want    map[string]any
	}{
		{hub.Message{}, map[string]any{"body": ""}},
		{hub.Message{Body: []byte("ä<&>"), ID: "7", Expiry: 1500 * time.Millisecond, Properties: map[string]string{"a b": "c"}},
			map[string]any{"body": "ä<&>", "messageId": "7", "expirySeconds": 1.5, "properties": map[string]any{"a b": "c"}}},
		{hub.Message{Body: []byte{0xff, 0}}, map[string]any{"bodyBase64": "/wA="}},
	} {
		test.message.Target = hub.Target{Device: "a b#/1", Module: "m/1"}
		id, err := c.Send(t.Context(), test.message)
		if err != nil || id != "m1" || where != "POST /twinbook/messages/a%20b%23%2F1 m/1" || !reflect.DeepEqual(body, test.want) {
			t.Errorf("id %q, error %v, sent %s %v, want %v", id, err, where, body, test.want)
		}
	}
	_, err := c.Send(t.Context(), hub.Message{})
	if e := hubError(t, err); e.Kind != hub.Invalid || e.Sent {
		t.Errorf("without a device: %v", e)
	}
}

// A message whose answer is lost may have been queued, so nobody sends it again.
func TestASendWithoutAVerdict(t *testing.T) {
	var arrived atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if arrived.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, `{"messageId":`)
	})
	_, err := c.Send(t.Context(), hub.Message{Target: hub.Target{Device: "dev-1"}})
	if e := hubError(t, err); e.Kind != hub.Interrupted || !e.Sent || arrived.Load() != 1 {
		t.Errorf("hung up: %s, sent %v, arrived %d times: %v", e.Kind, e.Sent, arrived.Load(), e)
	}
	_, err = c.Send(t.Context(), hub.Message{Target: hub.Target{Device: "dev-1"}})
	if e := hubError(t, err); e.Kind != hub.Failed || !e.Sent {
		t.Errorf("half an answer: %s, sent %v: %v", e.Kind, e.Sent, e)
	}
}

// A real hub has none of our calls, whatever it says to them; the simulator's own refusals are taken at their word.
func TestARealHubHasNoMessages(t *testing.T) {
	status, server := 0, ""
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", server)
		w.Header().Set("iothub-errorcode", map[int]string{404: "DeviceNotFound", 400: "ArgumentInvalid"}[status])
		w.WriteHeader(status)
		io.WriteString(w, `{"Message":"x"}`)
	})
	dev := hub.Target{Device: "dev-1"}
	for _, test := range []struct {
		status int
		server string
		kind   hub.Kind
		text   string
	}{
		{404, "Microsoft-HTTPAPI/2.0", hub.Invalid, "over AMQP only"},
		{400, "", hub.Invalid, "over AMQP only"},
		{405, "", hub.Invalid, "over AMQP only"},
		{501, "", hub.Invalid, "over AMQP only"},
		{401, "Microsoft-HTTPAPI/2.0", hub.Unauthorized, "refused the key"},
		{503, "", hub.Unavailable, "HTTP 503"},
		{404, simulatorServer, hub.NotFound, "knows no such device"},
		{400, simulatorServer, hub.Invalid, "refused the request (HTTP 400)"},
	} {
		status, server = test.status, test.server
		_, sendErr := c.Send(t.Context(), hub.Message{Target: dev})
		_, readErr := c.Telemetry(t.Context(), hub.TelemetryQuery{Target: dev})
		for _, err := range []error{sendErr, readErr} {
			if e := hubError(t, err); e.Kind != test.kind || !strings.Contains(e.Error(), test.text) {
				t.Errorf("%d from %q: %s %v, want %s …%s", test.status, test.server, e.Kind, e, test.kind, test.text)
			}
		}
	}
}

// What is asked next follows from the answers; an answer without messages is no end.
func TestTelemetryGoesOn(t *testing.T) {
	var asked []string
	answers := []string{
		`{"messages":[],"next":"c1","lost":2}`,
		`{"messages":[{"deviceId":"dev-1","enqueuedTime":"2026-03-01T12:00:00.1234567Z","body":"ä","properties":{"a":"1","null":null},"systemProperties":{"messageId":"7"}},
			{"deviceId":"dev-1","moduleId":"m","enqueuedTime":"2026-03-01T13:00:01+01:00","bodyBase64":"/wA=","properties":null}],"next":"c2","lost":1}`,
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, fmt.Sprint(r.URL.Path, " since=", q["since"], " after=", q["after"], " wait=", q["wait"]))
		io.WriteString(w, answers[len(asked)-1])
	})
	since := time.Date(2026, 3, 1, 13, 0, 0, 1, time.FixedZone("", 3600))
	page, err := c.Telemetry(t.Context(), hub.TelemetryQuery{Target: hub.Target{Device: "dev-1"}, Since: since})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := hub.TelemetryPage{Next: "c2", Lost: 3, Messages: []hub.Telemetry{
		{Target: hub.Target{Device: "dev-1"}, Time: at.Add(123456700), Body: []byte("ä"), Properties: map[string]string{"a": "1"}, System: map[string]string{"messageId": "7"}},
		{Target: hub.Target{Device: "dev-1", Module: "m"}, Time: at.Add(time.Second), Body: []byte{0xff, 0}},
	}}
	if err != nil || !reflect.DeepEqual(page, want) {
		t.Errorf("got %+v, %v\nwant %+v", page, err, want)
	}
	wantAsked := []string{
		"/twinbook/telemetry/dev-1 since=[2026-03-01T12:00:00.000000001Z] after=[] wait=[20]",
		"/twinbook/telemetry/dev-1 since=[] after=[c1] wait=[20]",
	}
	if !reflect.DeepEqual(asked, wantAsked) {
		t.Errorf("asked %q\nwant  %q", asked, wantAsked)
	}
}

// Who waits for messages outlives a simulator that is started anew, whose messages begin anew.
func TestTelemetryOfASimulatorThatIsStartedAnew(t *testing.T) {
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("after"))
		if len(asked) == 1 {
			w.Header().Set("Server", simulatorServer)
			w.Header().Set("iothub-errorcode", "CursorOfAnotherHub")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		io.WriteString(w, `{"messages":[{"deviceId":"dev-1","enqueuedTime":"2026-03-01T12:00:00Z","body":"a"}],"next":"c1"}`)
	})
	page, err := c.Telemetry(t.Context(), hub.TelemetryQuery{Target: hub.Target{Device: "dev-1"}, After: "old"})
	if err != nil || page.Next != "c1" || !reflect.DeepEqual(asked, []string{"old", ""}) {
		t.Errorf("%+v, %v; asked %q", page, err, asked)
	}
}

func TestTelemetryThatCannotBeRead(t *testing.T) {
	body := ""
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
	for _, body = range []string{
		"", "null", "[]", `{"messages":[]}`, `{"messages":[{"enqueuedTime":"soon"}],"next":"c"}`, `{"messages":[{"bodyBase64":"?"}],"next":"c"}`,
		`{"messages":7,"next":"c"}`, `{"next":` + strings.Repeat("[", 1000), `{"next":"` + strings.Repeat("x", maxTelemetry) + `"}`,
	} {
		_, err := c.Telemetry(t.Context(), hub.TelemetryQuery{Target: hub.Target{Device: "dev-1"}})
		if e := hubError(t, err); e.Kind != hub.Unavailable || e.Sent {
			t.Errorf("%.80s: %s, sent %v: %.200v", body, e.Kind, e.Sent, e)
		}
	}
}

// Waits beyond half of the connections hold none, so that a call still finds one; and who no longer waits has left.
func TestManyWaitsLeaveRoomForCalls(t *testing.T) {
	var held sync.WaitGroup
	held.Add(2)
	left := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			io.WriteString(w, `{"messageId":"m1"}`)
		case r.URL.Query().Get("wait") == "0":
			io.WriteString(w, `{"messages":[],"next":"c"}`)
		default:
			held.Done()
			<-r.Context().Done()
			left <- struct{}{}
		}
	})
	c := serve(t, handler)
	c.maxPolls, c.transport.MaxConnsPerHost = 2, 4
	ctx, cancel := clock.Real().WithCancel(t.Context())
	ended := make(chan error, 5)
	for range 5 {
		go func() {
			_, err := c.Telemetry(ctx, hub.TelemetryQuery{Target: hub.Target{Device: "dev-1"}})
			ended <- err
		}()
	}
	held.Wait()
	if _, err := c.Send(t.Context(), hub.Message{Target: hub.Target{Device: "dev-1"}}); err != nil {
		t.Error(err)
	}
	cancel()
	for range 2 {
		<-left
	}
	for range 5 {
		if e := hubError(t, <-ended); e.Kind != hub.Interrupted || e.Sent {
			t.Errorf("a wait that was given up: %s, sent %v: %v", e.Kind, e.Sent, e)
		}
	}
}
