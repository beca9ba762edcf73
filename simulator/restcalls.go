package simulator

import (
	"encoding/json"
	"strconv"
	"time"
)

var registryRoutes = []route{
	{method: "GET", path: "devices/*", need: registryRead, serve: (*request).getIdentity},
	{method: "GET", path: "devices/*/modules/*", need: registryRead, serve: (*request).noModule},
}

var twinRoutes = []route{
	{method: "GET", path: "twins/*", need: serviceConnect, serve: (*request).getTwin},
	{method: "PATCH", path: "twins/*", need: serviceConnect, serve: (*request).patchTwin},
	{method: "PUT", path: "twins/*", need: serviceConnect, serve: (*request).putTwin},
	{method: "GET", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).noModule},
	{method: "PATCH", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).noModule},
	{method: "PUT", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).noModule},
}

var methodRoutes = []route{
	{method: "POST", path: "twins/*/methods", need: serviceConnect, serve: (*request).invoke, inside: true},
	{method: "POST", path: "twins/*/modules/*/methods", need: serviceConnect, serve: (*request).noModule, inside: true},
}

var queryRoutes = []route{
	{method: "POST", path: "devices/query", need: serviceConnect, serve: (*request).query},
}

func (r *request) getIdentity() (reply, error) {
	doc, err := r.hub.identity(r.path[1])
	return reply{doc, map[string]string{"ETag": quoted(doc.ETag)}}, err
}

func (r *request) getTwin() (reply, error) { return twinReply(r.hub.readTwin(r.path[1])) }

func (r *request) patchTwin() (reply, error) { return r.writeTwin(false) }

func (r *request) putTwin() (reply, error) { return r.writeTwin(true) }

func (r *request) writeTwin(replace bool) (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	w, err := parseWrite(body, replace, r.Header.Get("If-Match"))
	if err != nil {
		return reply{}, err
	}
	return twinReply(r.hub.writeTwin(r.path[1], w))
}

func twinReply(v view, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{v.doc(), map[string]string{"ETag": quoted(v.twin.etagText())}}, nil
}

func quoted(etag string) string { return `"` + etag + `"` }

func (r *request) noModule() (reply, error) {
	return reply{}, unknownModule(r.path[1], r.path[3])
}

// methodBody is the body of a method call. Times are in seconds.
type methodBody struct {
	MethodName string          `json:"methodName"`
	Payload    json.RawMessage `json:"payload"`
	Response   *float64        `json:"responseTimeoutInSeconds"`
	Connect    *float64        `json:"connectTimeoutInSeconds"`
}

type methodReply struct {
	Status  int             `json:"status"`
	Payload json.RawMessage `json:"payload"`
}

func (r *request) invoke() (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	var b methodBody
	if err := json.Unmarshal(body, &b); err != nil {
		return reply{}, argumentInvalid.fault("The request body is not a method call: %s", printable(err.Error()))
	}
	a, err := r.hub.invoke(r.Context(), invocation{
		device: r.path[1], method: b.MethodName, payload: compact(b.Payload),
		response: seconds(b.Response, defaultResponse), connect: seconds(b.Connect, 0),
	})
	return reply{body: methodReply{a.status, a.payload}}, err
}

// compact prints a payload anew; a null is as good as none.
func compact(payload json.RawMessage) []byte {
	if len(payload) == 0 {
		return nil
	}
	return encodeJSON(payload)
}

// seconds of a request; what is out of all range stays out of range.
func seconds(given *float64, otherwise time.Duration) time.Duration {
	if given == nil {
		return otherwise
	}
	return time.Duration(min(max(*given, -1), 1e6) * float64(time.Second))
}

type queryBody struct {
	Query string `json:"query"`
}

func (r *request) query() (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	var b queryBody
	if err := json.Unmarshal(body, &b); err != nil {
		return reply{}, argumentInvalid.fault("The request body is not a query: %s", printable(err.Error()))
	}
	in := inquiry{text: b.Query, continuation: r.Header.Get("x-ms-continuation")}
	if size := r.Header.Get("x-ms-max-item-count"); size != "" {
		if in.pageSize, err = strconv.Atoi(size); err != nil || in.pageSize < 1 {
			return reply{}, argumentInvalid.fault("The header x-ms-max-item-count must be from 1 to %d", maxPage)
		}
	}
	page, err := r.hub.ask(in)
	if err != nil {
		return reply{}, err
	}
	return page.reply(), nil
}

// reply has the continuation header only if there is more: Node takes even an empty one for more.
func (p answerPage) reply() reply {
	header := map[string]string{"x-ms-item-type": "Raw"}
	if p.next != "" {
		header["x-ms-continuation"] = p.next
	}
	if !p.star {
		rows := p.rows
		if rows == nil {
			rows = []map[string]any{} // an array, never null
		}
		return reply{rows, header}
	}
	header["x-ms-item-type"] = "Twin"
	docs := make([]twinDoc, len(p.views))
	for i, v := range p.views {
		docs[i] = v.doc()
	}
	return reply{docs, header}
}
