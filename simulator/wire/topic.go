package wire

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

const (
	methodPrefix    = "$iothub/methods/POST/"
	responsePrefix  = "$iothub/methods/res/"
	twinGetPrefix   = "$iothub/twin/GET/"
	reportedPrefix  = "$iothub/twin/PATCH/properties/reported/"
	twinResPrefix   = "$iothub/twin/res/"
	desiredPrefix   = "$iothub/twin/PATCH/properties/desired/"
	eventsSuffix    = "messages/events"
	deviceboundPart = "messages/devicebound/"

	maxRID = 128 // characters, as Azure documents
)

// BadVersion stands for a $version that is no number, or that no twin has: they begin with 1.
const BadVersion = -1

// Topic is where a message is published, and its body. It is an error for messages that are
// packets of their own, and for those that do not fit a topic.
func Topic(id Identity, m Message) (topic string, body []byte, err error) {
	switch m := m.(type) {
	case TwinGet:
		topic, body = twinGetPrefix+"?$rid="+m.RID, []byte(" ")
	case ReportedPatch:
		topic, body = reportedPrefix+"?$rid="+m.RID+versionSuffix(m.Version), m.Body
	case MethodResponse:
		topic, body = responsePrefix+strconv.Itoa(m.Status)+"/?$rid="+m.RID, m.Body
	case Telemetry:
		topic, body = base(id.spelled(false))+eventsSuffix+"/"+FormatBag(m.Properties), m.Body
	case MethodRequest:
		topic, body = methodPrefix+escapeMethod(m.Method)+"/?$rid="+m.RID, m.Body
	case TwinResponse:
		topic, body = twinResPrefix+strconv.Itoa(m.Status)+"/?$rid="+m.RID+versionSuffix(m.Version), m.Body
	case Devicebound:
		topic, body = base(id.spelled(m.EscapedID))+deviceboundPart+FormatBag(m.Properties), m.Body
	case DesiredPatch:
		topic, body = desiredPrefix+"?$version="+strconv.FormatInt(m.Version, 10), m.Body
	default:
		return "", nil, fmt.Errorf("a %T has no topic", m)
	}
	if rid, has := requestID(m); has {
		err = checkRID(rid)
	}
	return topic, body, errors.Join(err, CheckTopic(topic))
}

func requestID(m Message) (rid string, has bool) {
	switch m := m.(type) {
	case TwinGet:
		return m.RID, true
	case ReportedPatch:
		return m.RID, true
	case MethodResponse:
		return m.RID, true
	case MethodRequest:
		return m.RID, true
	case TwinResponse:
		return m.RID, true
	}
	return "", false
}

func checkRID(rid string) error {
	if rid == "" || len(rid) > maxRID || strings.Contains(rid, "&") {
		return fmt.Errorf("a request id has 1 to %d characters and no &; %.140q has not", maxRID, rid)
	}
	return nil
}

func versionSuffix(v int64) string {
	if v == 0 {
		return ""
	}
	return "&$version=" + strconv.FormatInt(v, 10)
}

// escapeMethod escapes what a method name may hold and a topic may not.
func escapeMethod(name string) string { return methodEscapes.Replace(name) }

var methodEscapes = strings.NewReplacer("%", "%25", "+", "%2B", "#", "%23", "/", "%2F", "?", "%3F")

// CheckTopic says what MQTT forbids in a topic that is published to.
func CheckTopic(topic string) error {
	switch {
	case topic == "" || len(topic) > 65535:
		return fmt.Errorf("a topic has 1 to 65535 bytes, not %d", len(topic))
	case strings.ContainsAny(topic, "+#\x00"):
		return fmt.Errorf("topic %.80q holds a wildcard or a NUL", topic)
	}
	return nil
}

func base(id Identity) string {
	if id.Module == "" {
		return "devices/" + id.Device + "/"
	}
	return "devices/" + id.Device + "/modules/" + id.Module + "/"
}

// escaped is the identity as Python's SDK writes it in topics.
func (id Identity) escaped() Identity { return Identity{escape(id.Device), escape(id.Module)} }

// spelled is the identity as it stands in a topic. MQTT allows no # or + there, so an id that has one is always escaped.
func (id Identity) spelled(escaped bool) Identity {
	if escaped || strings.ContainsAny(id.Device+id.Module, "#+") {
		return id.escaped()
	}
	return id
}

// ParseFromDevice reads what a device published. The message keeps body.
func ParseFromDevice(id Identity, topic string, body []byte) (Message, error) {
	if rest, ok := strings.CutPrefix(topic, responsePrefix); ok {
		status, q, err := parseStatus(rest)
		return MethodResponse{RID: q.rid, Status: status, Body: body}, err
	}
	if rest, ok := strings.CutPrefix(topic, twinGetPrefix); ok {
		q, err := parseQuery(rest, true)
		return TwinGet{RID: q.rid}, err
	}
	if rest, ok := strings.CutPrefix(topic, reportedPrefix); ok {
		q, err := parseQuery(rest, true)
		return ReportedPatch{RID: q.rid, Version: q.version, Body: body}, err
	}
	if bag, ok := EventsBag(id, topic); ok {
		return Telemetry{Properties: ParseBag(bag), Body: body}, nil
	}
	return nil, fmt.Errorf("%s may not publish to %.80q", id, topic)
}

// EventsBag is the property bag of a topic that telemetry goes to, for ParseBag. It is fast, for a hub that need
// not look into every bag. The id may be percent-escaped, as Python's SDK writes it.
func EventsBag(id Identity, topic string) (bag string, ok bool) {
	rest, ok := cutBase(id, topic)
	if !ok && strings.Contains(topic, "%") {
		rest, ok = cutBase(id.escaped(), topic)
	}
	if ok {
		rest, ok = strings.CutPrefix(rest, eventsSuffix)
	}
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.TrimPrefix(rest, "/"), true
}

// cutBase takes base(id) off a topic without making it.
func cutBase(id Identity, topic string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(topic, "devices/")
	if !ok {
		return "", false
	}
	parts := []string{id.Device, "/"}
	if id.Module != "" {
		parts = []string{id.Device, "/modules/", id.Module, "/"}
	}
	for _, part := range parts {
		if rest, ok = strings.CutPrefix(rest, part); !ok {
			return "", false
		}
	}
	return rest, true
}

// ParseFromHub reads what a hub published to one of its devices. The message keeps body.
func ParseFromHub(id Identity, topic string, body []byte) (Message, error) {
	if rest, ok := strings.CutPrefix(topic, methodPrefix); ok {
		name, query, _ := strings.Cut(rest, "/")
		method, err := url.PathUnescape(name)
		if err != nil || method == "" {
			return nil, fmt.Errorf("no method name in %.80q", topic)
		}
		q, err := parseQuery(query, true)
		return MethodRequest{RID: q.rid, Method: method, Body: body}, err
	}
	if rest, ok := strings.CutPrefix(topic, twinResPrefix); ok {
		status, q, err := parseStatus(rest)
		if err == nil {
			err = q.checkVersion()
		}
		return TwinResponse{RID: q.rid, Status: status, Version: q.version, Body: body}, err
	}
	if rest, ok := strings.CutPrefix(topic, desiredPrefix); ok {
		q, err := parseQuery(rest, false)
		if err == nil {
			err = q.checkVersion()
		}
		return DesiredPatch{Version: q.version, Body: body}, err
	}
	if bag, ok := strings.CutPrefix(topic, base(id.spelled(false))+deviceboundPart); ok {
		return Devicebound{Properties: ParseBag(bag), Body: body}, nil
	}
	return nil, fmt.Errorf("no hub publishes to %.80q for %s", topic, id)
}

func parseStatus(s string) (int, query, error) {
	digits, rest, _ := strings.Cut(s, "/")
	status, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return 0, query{}, fmt.Errorf("%.40q is no status", digits)
	}
	q, err := parseQuery(rest, true)
	return int(status), q, err
}

// A query is what follows "?" in a topic. The rid stays as it was sent, since it goes back byte for byte.
type query struct {
	rid     string
	version int64 // or BadVersion; 0: there is none
}

func parseQuery(s string, needRID bool) (query, error) {
	var q query
	s, ok := strings.CutPrefix(s, "?")
	if !ok {
		return q, fmt.Errorf("a topic goes on with \"?\", not %.40q", s)
	}
	for part := range strings.SplitSeq(s, "&") {
		key, value, _ := strings.Cut(part, "=")
		switch unescape(key) {
		case "$rid":
			q.rid = value
		case "$version":
			v, err := strconv.ParseInt(unescape(value), 10, 64)
			if err != nil || v <= 0 {
				v = BadVersion
			}
			q.version = v
		}
	}
	if !needRID {
		return q, nil
	}
	return q, checkRID(q.rid)
}

// checkVersion is for a hub's topics, which we need not bear with.
func (q query) checkVersion() error {
	if q.version == BadVersion {
		return errors.New("the $version of a topic is no number")
	}
	return nil
}

// unescape takes percent-escapes out; a text with a broken one stays as it is.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
