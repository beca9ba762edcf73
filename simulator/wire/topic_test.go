package wire

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

var (
	dev    = Identity{Device: "dev-1"}
	module = Identity{Device: "dev-1", Module: "m"}
)

// Topics as they are on the wire, and what they mean.
func TestTopics(t *testing.T) {
	for _, c := range []struct {
		id    Identity
		m     Message
		topic string
		body  string
	}{
		{dev, TwinGet{RID: "1a"}, "$iothub/twin/GET/?$rid=1a", " "},
		{dev, ReportedPatch{RID: "7", Body: []byte("{}")}, "$iothub/twin/PATCH/properties/reported/?$rid=7", "{}"},
		{dev, ReportedPatch{RID: "7", Version: 5, Body: []byte("{}")}, "$iothub/twin/PATCH/properties/reported/?$rid=7&$version=5", "{}"},
		{dev, MethodResponse{RID: "a-b", Status: -3, Body: []byte("1")}, "$iothub/methods/res/-3/?$rid=a-b", "1"},
		{dev, Telemetry{Body: []byte("x")}, "devices/dev-1/messages/events/", "x"},
		{dev, Telemetry{Properties: []Property{{Key: "$.ct", Value: "a/b c"}, {Key: "k", Null: true}, {Key: "e"}}}, "devices/dev-1/messages/events/%24.ct=a%2Fb%20c&k&e=", ""},
		{module, Telemetry{}, "devices/dev-1/modules/m/messages/events/", ""},
		{dev, MethodRequest{RID: "1", Method: "a+b#c%d&e", Body: []byte("null")}, "$iothub/methods/POST/a%2Bb%23c%25d&e/?$rid=1", "null"},
		{dev, TwinResponse{RID: "1", Status: 200, Body: []byte("{}")}, "$iothub/twin/res/200/?$rid=1", "{}"},
		{dev, TwinResponse{RID: "7", Status: 204, Version: 6}, "$iothub/twin/res/204/?$rid=7&$version=6", ""},
		{dev, DesiredPatch{Version: 9, Body: []byte("{}")}, "$iothub/twin/PATCH/properties/desired/?$version=9", "{}"},
		{dev, Devicebound{Properties: []Property{{Key: "$.to", Value: "/devices/dev-1/messages/deviceBound"}, {Key: "a b", Value: "c&d"}}, Body: []byte("x")}, "devices/dev-1/messages/devicebound/%24.to=%2Fdevices%2Fdev-1%2Fmessages%2FdeviceBound&a%20b=c%26d", "x"},
		{module, Devicebound{Body: []byte("x")}, "devices/dev-1/modules/m/messages/devicebound/", "x"},
		{Identity{Device: "a#b"}, Devicebound{Body: []byte("x")}, "devices/a%23b/messages/devicebound/", "x"},
		{Identity{Device: "a+b", Module: "m"}, Telemetry{Body: []byte("x")}, "devices/a%2Bb/modules/m/messages/events/", "x"},
	} {
		topic, body, err := Topic(c.id, c.m)
		if err != nil || topic != c.topic || string(body) != c.body {
			t.Errorf("Topic(%v, %+v) = %q %q %v, want %q %q", c.id, c.m, topic, body, err, c.topic, c.body)
		}
		got, err := ParseFromHub(c.id, topic, body)
		if err != nil {
			got, err = ParseFromDevice(c.id, topic, body)
		}
		if err != nil || !reflect.DeepEqual(normal(got), normal(c.m)) {
			t.Errorf("%q parsed to %+v, %v; want %+v", topic, got, err, c.m)
		}
	}
}

// normal gives messages one form of an empty body.
func normal(m Message) Message {
	switch m := m.(type) {
	case Telemetry:
		if len(m.Body) == 0 {
			m.Body = nil
		}
		return m
	case TwinResponse:
		if len(m.Body) == 0 {
			m.Body = nil
		}
		return m
	}
	return m
}

// What SDKs write in other ways than we do.
func TestParseTolerance(t *testing.T) {
	for _, c := range []struct {
		topic string
		want  Message
	}{
		{"$iothub/twin/GET/?x=1&$rid=ab", TwinGet{RID: "ab"}},
		{"$iothub/twin/GET/?%24rid=a%20b", TwinGet{RID: "a%20b"}}, // the rid goes back byte for byte
		{"$iothub/twin/PATCH/properties/reported/?$version=4&$rid=1", ReportedPatch{RID: "1", Version: 4}},
		{"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x", ReportedPatch{RID: "1", Version: BadVersion}}, // answered, with an error
		{"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=0", ReportedPatch{RID: "1", Version: BadVersion}},
		{"$iothub/twin/PATCH/properties/reported/?$version=-7&$rid=1", ReportedPatch{RID: "1", Version: BadVersion}},
		{"$iothub/twin/GET/?$rid=1&$version=x", TwinGet{RID: "1"}},
		{"devices/dev-1/messages/events", Telemetry{}},
		{"devices/dev-1/messages/events/?a=b", Telemetry{Properties: []Property{{Key: "a", Value: "b"}}}},
		{"devices/dev-1/messages/events/a=%zz/", Telemetry{Properties: []Property{{Key: "a", Value: "%zz"}}}},
	} {
		got, err := ParseFromDevice(dev, c.topic, nil)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q = %+v, %v; want %+v", c.topic, got, err, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, topic := range []string{
		"", "a", "$iothub/twin/GET/", "$iothub/twin/GET/?", "$iothub/twin/GET/?$rid=",
		"$iothub/twin/GET?$rid=1", "$iothub/twin/GET/?$rid=" + strings.Repeat("a", 129),
		"$iothub/twin/PATCH/properties/reported/?$version=x",
		"$iothub/twin/PATCH/properties/desired/?$rid=1",
		"$iothub/methods/res/abc/?$rid=1", "$iothub/methods/res/99999999999/?$rid=1", "$iothub/methods/res/200",
		"$iothub/methods/POST/x/?$rid=1",
		"devices/other/messages/events/", "devices/dev-1/messages/eventsx", "devices/dev-1/messages/devicebound/",
	} {
		if m, err := ParseFromDevice(dev, topic, nil); err == nil {
			t.Errorf("%q was taken for %+v", topic, m)
		}
	}
	for _, topic := range []string{"", "$iothub/twin/res/200/?$rid=1&$version=x", "$iothub/twin/PATCH/properties/desired/?$version=-1", "$iothub/methods/POST/", "$iothub/methods/POST/%zz/?$rid=1", "$iothub/methods/POST/a/?", "$iothub/twin/res/200/"} {
		if m, err := ParseFromHub(dev, topic, nil); err == nil {
			t.Errorf("%q was taken for %+v", topic, m)
		}
	}
	for _, m := range []Message{Subscribe{}, TwinGet{RID: "a+"}, Telemetry{Properties: []Property{{Key: strings.Repeat("k", 70000)}}}} {
		if topic, _, err := Topic(dev, m); err == nil {
			t.Errorf("%T got the topic %.50q", m, topic)
		}
	}
}

func TestFilters(t *testing.T) {
	all := MethodFeed | TwinResponseFeed | DesiredFeed | DeviceboundFeed
	var back Feeds
	for _, text := range Filters(dev, all) {
		feed, ok := ParseFilter(dev, text)
		if !ok {
			t.Errorf("filter %q is not known", text)
		}
		back |= feed
	}
	if back != all {
		t.Errorf("filters gave %b, want %b", back, all)
	}
	for _, text := range []string{"#", "$iothub/#", "$iothub/methods/+/#", "$iothub/methods/POST/", "devices/dev-2/messages/devicebound/#", "devices/dev-1/modules/m/inputs/#"} {
		if _, ok := ParseFilter(dev, text); ok {
			t.Errorf("a device may subscribe to %q", text)
		}
	}
	if feed, ok := ParseFilter(module, "devices/dev-1/modules/m/inputs/#"); !ok || feed != InputFeed {
		t.Errorf("inputs of a module: %v %v", feed, ok)
	}
}

func FuzzTopic(f *testing.F) {
	f.Add("$iothub/twin/GET/?$rid=1")
	f.Add("$iothub/methods/res/200/?$rid=1&$version=2")
	f.Add("$iothub/methods/POST/re%20boot/?$rid=1")
	f.Add("$iothub/twin/PATCH/properties/reported/?$version=4&%24rid=a")
	f.Add("devices/dev-1/messages/devicebound/%24.to=a&b")
	f.Add("devices/dev-1/messages/events/a=b&c&%24.ct=%zz")
	f.Fuzz(func(t *testing.T, topic string) {
		for _, parse := range []func() (Message, error){
			func() (Message, error) { return ParseFromDevice(dev, topic, nil) },
			func() (Message, error) { return ParseFromHub(dev, topic, nil) },
		} {
			m, err := parse()
			if err != nil {
				continue
			}
			again, _, err := Topic(dev, m)
			if err != nil {
				continue // what was read need not be legal to send
			}
			m2, err := ParseFromDevice(dev, again, nil)
			if err != nil {
				m2, err = ParseFromHub(dev, again, nil)
			}
			if err != nil || !sameMessage(m, m2) {
				t.Errorf("%q = %+v, printed %q = %+v, %v", topic, m, again, m2, err)
			}
		}
	})
}

func sameMessage(a, b Message) bool {
	ta, isTelemetry := a.(Telemetry)
	if tb, ok := b.(Telemetry); ok && isTelemetry {
		return FormatBag(ta.Properties) == FormatBag(tb.Properties)
	}
	ca, isDevicebound := a.(Devicebound)
	if cb, ok := b.(Devicebound); ok && isDevicebound {
		return FormatBag(ca.Properties) == FormatBag(cb.Properties)
	}
	if get, ok := b.(TwinGet); ok {
		return a == Message(get)
	}
	a, b = withoutBody(a), withoutBody(b)
	return reflect.DeepEqual(a, b)
}

func withoutBody(m Message) Message {
	switch m := m.(type) {
	case ReportedPatch:
		m.Body = nil
		return m
	}
	return m
}

// Where nothing stands between two signs there is no property without a name.
func TestBagWithEmptyParts(t *testing.T) {
	want := []Property{{Key: "a", Value: "1"}, {Key: "n", Null: true}, {Key: "b", Value: ""}}
	for _, bag := range []string{"a=1&n&b=", "?&a=1&&n&b=&", "&a=1&n&&&b=&&"} {
		if got := ParseBag(bag); !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", bag, got, want)
		}
	}
}
