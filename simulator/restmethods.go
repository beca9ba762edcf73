package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

var methodRoutes = []route{
	{method: "POST", path: "twins/*/methods", need: serviceConnect, serve: (*request).invoke, inside: true},
	{method: "POST", path: "twins/*/modules/*/methods", need: serviceConnect, serve: (*request).invoke, inside: true},
}

// methodBody is the body of a method call. Times are in seconds.
type methodBody struct {
	MethodName string          `json:"methodName"`
	Payload    json.RawMessage `json:"payload"`
	Response   *float64        `json:"responseTimeoutInSeconds"`
	Connect    *float64        `json:"connectTimeoutInSeconds"`
}

func (r *request) invoke() (reply, error) {
	id, err := r.target()
	if err != nil {
		return reply{}, err
	}
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	var b methodBody
	if err := decodeBody(body, wire.MaxCallDepth, "a method call", &b); err != nil {
		return reply{}, err
	}
	v := invocation{
		device: id, method: b.MethodName, payload: compact(b.Payload),
		response: seconds(b.Response, defaultResponse), connect: seconds(b.Connect, 0),
	}
	if err := r.hub.pay(r.Context(), methodCalls, metered(v.payload)); err != nil {
		return reply{}, err
	}
	a, err := r.hub.invoke(r.Context(), v)
	return reply{body: json.RawMessage(fmt.Appendf(nil, `{"status":%d,"payload":%s}`, a.status, a.payload))}, err
}

// compact leaves out the blanks of a payload; a null is as good as none.
func compact(payload json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, payload) != nil {
		return nil // there is none, since what there is was read already
	}
	return b.Bytes()
}

// seconds of a request; what is out of all range stays out of range.
func seconds(given *float64, otherwise time.Duration) time.Duration {
	if given == nil {
		return otherwise
	}
	return time.Duration(min(max(*given, -1), 1e6) * float64(time.Second))
}
