package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/query"
)

// A view is a device as it was at one moment. It shares the twin's trees, which nobody changes.
type view struct {
	device    *device
	twin      twin
	connected bool
	disabled  bool
	active    time.Time
	moved     time.Time
	messages  int // from the cloud, that wait for the device
}

func (d *device) view() view {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.viewLocked()
}

func (d *device) viewLocked() view {
	return view{
		device: d, twin: d.twin, connected: d.session != nil,
		disabled: d.disabled, active: d.active, moved: d.moved, messages: d.mail.count(),
	}
}

func (v view) connectionState() string {
	if v.connected {
		return "Connected"
	}
	return "Disconnected"
}

func (v view) status() string {
	if v.disabled {
		return "disabled"
	}
	return "enabled"
}

// hubTwin is the twin as steps see it.
func (v view) hubTwin() hub.Twin {
	return hub.Twin{
		Target:          hub.Target{Device: v.device.id},
		ConnectionState: v.connectionState(), Status: v.status(), ETag: v.twin.etagText(),
		Tags: v.twin.tags.plain(), Desired: v.twin.desired.root.plain(), Reported: v.twin.reported.root.plain(),
		DesiredVersion: v.twin.desired.version, ReportedVersion: v.twin.reported.version,
		DesiredMetadata: v.twin.desired.metadata(), ReportedMetadata: v.twin.reported.metadata(),
	}
}

// Member makes a view a document for queries: the members of the service's twin.
func (v view) Member(name string) (any, bool) {
	switch name {
	case "deviceId":
		return v.device.id, true
	case "tags":
		return v.twin.tags, true
	case "properties":
		return query.Map{"desired": v.twin.desired.doc(), "reported": v.twin.reported.doc()}, true
	case "connectionState":
		return v.connectionState(), true
	case "status":
		return v.status(), true
	case "statusUpdateTime":
		return zeroTime, true
	case "lastActivityTime":
		return timeText(v.active), true
	case "etag":
		return v.twin.etagText(), true
	case "deviceEtag":
		return v.device.etag(), true
	case "version":
		return float64(v.twin.version), true
	case "cloudToDeviceMessageCount":
		return float64(v.messages), true
	case "authenticationType":
		return "sas", true
	case "modelId":
		return "", true
	case "capabilities":
		return map[string]any{"iotEdge": false}, true
	}
	return nil, false
}

// A sectionDoc is a section with its $metadata and $version.
type sectionDoc struct{ section }

func (s section) doc() sectionDoc { return sectionDoc{s} }

// Member looks into the section without building it anew for each document of a query.
func (s sectionDoc) Member(name string) (any, bool) {
	switch name {
	case "$version":
		return float64(s.version), true
	case "$metadata":
		return s.metadata(), true
	}
	return s.root.Member(name)
}

// MarshalJSON is the section as the service shows it.
func (s sectionDoc) MarshalJSON() ([]byte, error) {
	return s.print(true), nil
}

// print has $version, and $metadata if that is wanted, behind the members.
func (s section) print(metadata bool) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	s.root.printMembers(&b)
	if len(s.root.list()) > 0 {
		b.WriteByte(',')
	}
	if metadata {
		fmt.Fprintf(&b, `"$metadata":%s,`, encodeJSON(s.metadata()))
	}
	fmt.Fprintf(&b, `"$version":%d}`, s.version)
	return b.Bytes()
}

// twinDoc is a twin as the service shows it.
type twinDoc struct {
	DeviceID         string          `json:"deviceId"`
	ETag             string          `json:"etag"`
	DeviceETag       string          `json:"deviceEtag"`
	Status           string          `json:"status"`
	StatusTime       string          `json:"statusUpdateTime"`
	ConnectionState  string          `json:"connectionState"`
	LastActivityTime string          `json:"lastActivityTime"`
	MessageCount     int             `json:"cloudToDeviceMessageCount"`
	AuthType         string          `json:"authenticationType"`
	X509             thumbprints     `json:"x509Thumbprint"`
	ModelID          string          `json:"modelId"`
	Version          int64           `json:"version"`
	Tags             *tree           `json:"tags"`
	Properties       propertiesDoc   `json:"properties"`
	Capabilities     map[string]bool `json:"capabilities"`
}

type propertiesDoc struct {
	Desired  sectionDoc `json:"desired"`
	Reported sectionDoc `json:"reported"`
}

func (v view) doc() twinDoc {
	return twinDoc{
		DeviceID: v.device.id, ETag: v.twin.etagText(), DeviceETag: v.device.etag(),
		Status: v.status(), StatusTime: zeroTime,
		ConnectionState: v.connectionState(), LastActivityTime: timeText(v.active),
		MessageCount: v.messages, AuthType: "sas", Version: v.twin.version, Tags: cmp.Or(v.twin.tags, &tree{}),
		Properties:   propertiesDoc{v.twin.desired.doc(), v.twin.reported.doc()},
		Capabilities: map[string]bool{"iotEdge": false},
	}
}

// deviceDoc is the twin as its device reads it: no tags and no metadata.
func (t twin) deviceDoc() []byte {
	return fmt.Appendf(nil, `{"desired":%s,"reported":%s}`, t.desired.print(false), t.reported.print(false))
}

// encodeJSON prints a value that holds nothing but JSON types.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a value of ours that is no JSON
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
