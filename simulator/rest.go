package simulator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody is the largest body of a request that is read: a twin with everything in it escaped fits.
const maxBody = 1 << 20

// A request is an HTTP request of a service, its path taken apart.
type request struct {
	*http.Request
	hub  *Hub
	path []string // segments without percent-escapes
}

// A route is one REST call.
type route struct {
	method   string
	path     string // segments; * is any one
	need     permission
	serve    func(*request) (reply, error)
	byDevice bool // a device calls it for itself, with its own token; need says nothing
	inside   bool // errors have the form that Azure uses for methods
	quota    quota
}

// A reply is a success.
type reply struct {
	status int // 0: 200
	body   any // JSON, or a stream; nil: none
	header map[string]string
}

// A stream is a body that is written for as long as it takes.
type stream func(http.ResponseWriter)

// ourOwn is where the calls begin that the real hub does not have. They need no api-version.
const ourOwn = "twinbook"

// routes are the calls that a service has.
var routes = slices.Concat(registryRoutes, twinRoutes, methodRoutes, messageRoutes, eventRoutes, queryRoutes, faultRoutes, jobRoutes)

// Handler answers the service's REST calls, over plain HTTP as it stands.
func (h *Hub) Handler() http.Handler { return http.HandlerFunc(h.serveREST) }

// serverName tells clients that the calls under twinbook/, which no real hub has, are there.
const serverName = "twinbook-simulator"

func (h *Hub) serveREST(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", serverName)
	path, err := segments(r.URL)
	if err != nil {
		leaveBody(w, r)
		h.writeFault(w, argumentInvalid.fault("The path is not valid"), false)
		return
	}
	call, known := findRoute(r.Method, path)
	answer, err := h.answerREST(&request{r, h, path}, call, known)
	if err != nil {
		leaveBody(w, r)
		h.writeFault(w, asFault(err), call.inside)
		return
	}
	writeReply(w, answer)
}

func (h *Hub) answerREST(r *request, call route, known bool) (reply, error) {
	if !known {
		call.need = registryRead | registryWrite | serviceConnect // any policy for services
	}
	check := func() error { return r.authorize(call.need) }
	if call.byDevice {
		check = r.authorizeDevice
	}
	if err := check(); err != nil {
		return reply{}, err
	}
	if v := r.URL.Query().Get("api-version"); r.path[0] != ourOwn && !apiVersion.MatchString(v) {
		return reply{}, badVersion.fault("The api-version '%s' is not valid, use 2021-04-12", printable(v))
	}
	if !known {
		return reply{}, r.unknownCall()
	}
	if err := r.attended(call); err != nil {
		return reply{}, err
	}
	return call.serve(r)
}

// unknownCall says of our own calls which methods they have. Azure's are answered as what is not there.
func (r *request) unknownCall() *fault {
	methods := allowed(r.path)
	if r.path[0] != ourOwn || methods == "" {
		return notImplemented.fault("This simulator has no %s %s", r.Method, printable(r.URL.Path))
	}
	f := noMethod.fault("There is no %s here, there are %s", r.Method, methods)
	f.allow = methods
	return f
}

// attended lets the faults and the quota of a call have their way. Our own calls have neither: a fault can be taken away.
func (r *request) attended(call route) error {
	if r.path[0] == ourOwn {
		return nil
	}
	device := ""
	if at := strings.Split(call.path, "/"); len(at) > 1 && at[1] == "*" {
		device = r.names().String()
	}
	return r.hub.attend(r.Context(), device, call.quota, 1)
}

var apiVersion = regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`)

// segments splits a path. Ids may hold what Go's own router would clean away, so it is not used.
func segments(u *url.URL) ([]string, error) {
	path := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, s := range path {
		var err error
		if path[i], err = url.PathUnescape(s); err != nil {
			return nil, err
		}
	}
	return path, nil
}

func findRoute(method string, path []string) (found route, known bool) {
	for _, r := range routes {
		if r.method == method && r.matches(path) {
			return r, true
		}
	}
	return route{}, false
}

// allowed are the methods that a path has.
func allowed(path []string) string {
	var methods []string
	for _, r := range routes {
		if r.matches(path) {
			methods = append(methods, r.method)
		}
	}
	return strings.Join(methods, ", ")
}

func (r route) matches(path []string) bool {
	want := strings.Split(r.path, "/")
	if len(want) != len(path) {
		return false
	}
	for i, s := range want {
		if s != "*" && s != path[i] {
			return false
		}
	}
	return true
}

// onlyQuery refuses what a call of our own does not know, since what is not looked at would be believed to work.
// api-version may always be there.
func (r *request) onlyQuery(known ...string) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return argumentInvalid.fault("The query of the address is not valid: %s", printable(err.Error()))
	}
	known = append(known, "api-version")
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(known, name) {
			return argumentInvalid.fault("There is no query parameter %s, there are %s", printable(name), strings.Join(known, ", "))
		}
		if len(query[name]) > 1 {
			return argumentInvalid.fault("The query parameter %s is given twice", name)
		}
	}
	return nil
}

// readBody reads all of a request's body, and no more than is allowed.
func (r *request) readBody() ([]byte, error) {
	tooLarge := argumentInvalid.fault("The request body is larger than %d bytes", maxBody)
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var beyond *http.MaxBytesError
	switch {
	case errors.As(err, &beyond):
		return nil, tooLarge
	case err != nil:
		return nil, argumentInvalid.fault("The request body could not be read")
	}
	return body, nil
}

func writeReply(w http.ResponseWriter, r reply) {
	if write, ok := r.body.(stream); ok {
		write(w)
		return
	}
	for name, value := range r.header {
		w.Header().Set(name, value)
	}
	if r.body == nil {
		w.WriteHeader(cmp.Or(r.status, http.StatusOK))
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(cmp.Or(r.status, http.StatusOK))
	if text, ok := r.body.(json.RawMessage); ok {
		w.Write(text)
		return
	}
	w.Write(encodeJSON(r.body))
}

// errorBody is how the service tells an error. Clients take Message apart: its form is part of the protocol.
type errorBody struct {
	Message          string
	ExceptionMessage string
}

// writeFault answers with an error, in the form that Azure uses for methods (inside: JSON within the
// text) or for all else.
func (h *Hub) writeFault(w http.ResponseWriter, f *fault, inside bool) {
	id, now := h.trackingID(), timeText(h.clock.Now())
	body := errorBody{
		Message:          "ErrorCode:" + f.name + ";" + f.text,
		ExceptionMessage: "Tracking ID:" + id + "-TimeStamp:" + now,
	}
	if inside && f.kind != unauthorized.kind && f.kind != deviceNotFound.kind { // Node's SDK looks for these two in the outer text
		body = errorBody{Message: string(encodeJSON(methodError{f.number, id, f.text, methodInfo{hours(f.waited)}, now}))}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("iothub-errorcode", f.name)
	if f.allow != "" {
		w.Header().Set("Allow", f.allow)
	}
	if f.again > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.again/time.Second)))
	}
	w.WriteHeader(f.status)
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // two strings
	}
	w.Write(text)
}

// hours is a time as .NET writes it.
func hours(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

type methodError struct {
	Code       int        `json:"errorCode"`
	TrackingID string     `json:"trackingId"`
	Message    string     `json:"message"`
	Info       methodInfo `json:"info"`
	Time       string     `json:"timestampUtc"`
}

type methodInfo struct {
	Timeout string `json:"timeout"`
}
