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
	identity  *identity
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

// showIf fills in a view of a device that exists and may match a query.
func (d *device) showIf(q *query.Query, v *view) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !q.MayMatch(d.twin.marks) || d.deleted {
		return false
	}
	*v = d.viewLocked()
	return true
}

func (d *device) viewLocked() view {
	return view{
		device: d, identity: d.identity, twin: d.twin, connected: d.session != nil,
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

// deviceETag is the etag of the identity.
func (v view) deviceETag() string { return v.identity.etag(v.device.generation) }

// hubTwin is the twin as steps see it.
func (v view) hubTwin() hub.Twin {
	return hub.Twin{
		Target:          hub.Target(v.device.names()),
		ConnectionState: v.connectionState(), Status: v.status(), ETag: v.twin.etagText(),
		Tags: v.twin.tags.plain(), Desired: v.twin.desired.root.plain(), Reported: v.twin.reported.root.plain(),
		DesiredVersion: v.twin.desired.version, ReportedVersion: v.twin.reported.version,
		DesiredMetadata: v.twin.desired.metadata(), ReportedMetadata: v.twin.reported.metadata(),
	}
}

// Member makes a view a document for queries: the members of the service's twin. Values may point into
// the view.
func (v *view) Member(name string) (any, bool) {
	switch name {
	case "deviceId":
		return v.device.names().Device, true
	case "moduleId":
		return optional(v.device.names().Module)
	case "tags":
		return v.twin.tags, true
	case "properties":
		return (*viewProperties)(v), true
	case "connectionState":
		return v.connectionState(), true
	case "status":
		return v.status(), true
	case "statusReason":
		return optional(v.identity.reason)
	case "statusUpdateTime":
		return timeText(v.identity.statusTime), true
	case "lastActivityTime":
		return timeText(v.active), true
	case "etag":
		return v.twin.etagText(), true
	case "deviceEtag":
		return v.deviceETag(), true
	case "version":
		return float64(v.twin.version), true
	case "cloudToDeviceMessageCount":
		return float64(v.messages), true
	case "authenticationType":
		return string(v.identity.kind), true
	case "x509Thumbprint":
		return map[string]any{"primaryThumbprint": orNull(v.identity.thumbprints[0]), "secondaryThumbprint": orNull(v.identity.thumbprints[1])}, true
	case "modelId":
		return "", true
	case "capabilities":
		return map[string]any{"iotEdge": v.identity.edge}, true
	case "managedBy":
		return v.identity.managedBy, v.device.names().Module != ""
	case "deviceScope":
		return optional(v.identity.scope)
	case "parentScopes":
		return orNone(v.identity.parents)
	}
	return nil, false
}

// optional is a member that is missing where it would be empty.
func optional(text string) (any, bool) { return text, text != "" }

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func orNone(texts []string) (any, bool) {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list, len(list) > 0
}

// viewProperties are the properties of a view. Like a sectionDoc they are looked into where they are,
// since a query does so in each of many twins.
type viewProperties view

func (p *viewProperties) Member(name string) (any, bool) {
	switch name {
	case "desired":
		return p.twin.desired.doc(), true
	case "reported":
		return p.twin.reported.doc(), true
	}
	return nil, false
}

// MarshalJSON is the properties as the service shows them.
func (p *viewProperties) MarshalJSON() ([]byte, error) {
	return json.Marshal(propertiesDoc{p.twin.desired.doc(), p.twin.reported.doc()})
}

// A sectionDoc is a section with its $metadata and $version.
type sectionDoc struct{ *section }

func (s *section) doc() sectionDoc { return sectionDoc{s} }

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
	ModuleID         string          `json:"moduleId,omitempty"`
	ETag             string          `json:"etag"`
	DeviceETag       string          `json:"deviceEtag"`
	Status           string          `json:"status"`
	StatusReason     string          `json:"statusReason,omitempty"`
	StatusTime       string          `json:"statusUpdateTime"`
	ConnectionState  string          `json:"connectionState"`
	LastActivityTime string          `json:"lastActivityTime"`
	MessageCount     int             `json:"cloudToDeviceMessageCount"`
	AuthType         Authentication  `json:"authenticationType"`
	X509             thumbprints     `json:"x509Thumbprint"`
	ModelID          string          `json:"modelId"`
	Version          int64           `json:"version"`
	Tags             *tree           `json:"tags"`
	Properties       propertiesDoc   `json:"properties"`
	Capabilities     capabilitiesDoc `json:"capabilities"`
	Scope            string          `json:"deviceScope,omitempty"`
	Parents          []string        `json:"parentScopes,omitempty"`
}

type propertiesDoc struct {
	Desired  sectionDoc `json:"desired"`
	Reported sectionDoc `json:"reported"`
}

func (v view) doc() twinDoc {
	names, id := v.device.names(), v.identity
	return twinDoc{
		DeviceID: names.Device, ModuleID: names.Module, ETag: v.twin.etagText(), DeviceETag: v.deviceETag(),
		Status: v.status(), StatusReason: id.reason, StatusTime: timeText(id.statusTime),
		ConnectionState: v.connectionState(), LastActivityTime: timeText(v.active),
		MessageCount: v.messages, AuthType: id.kind, X509: id.x509(), Version: v.twin.version, Tags: cmp.Or(v.twin.tags, &tree{}),
		Properties:   propertiesDoc{v.twin.desired.doc(), v.twin.reported.doc()},
		Capabilities: capabilitiesDoc{id.edge}, Scope: id.scope, Parents: id.parents,
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
