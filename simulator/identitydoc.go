package simulator

import (
	"encoding/base64"
	"strconv"
)

type keyPair struct {
	Primary   *string `json:"primaryKey"`
	Secondary *string `json:"secondaryKey"`
}

type thumbprints struct {
	Primary   *string `json:"primaryThumbprint"`
	Secondary *string `json:"secondaryThumbprint"`
}

type authentication struct {
	SymmetricKey keyPair        `json:"symmetricKey"`
	X509         thumbprints    `json:"x509Thumbprint"`
	Type         Authentication `json:"type"`
}

// identityDoc is an identity as the service shows it.
type identityDoc struct {
	DeviceID         string          `json:"deviceId"`
	ModuleID         string          `json:"moduleId,omitempty"`
	ManagedBy        *string         `json:"managedBy,omitempty"` // of modules only
	GenerationID     string          `json:"generationId"`
	ETag             string          `json:"etag"`
	ConnectionState  string          `json:"connectionState"`
	Status           string          `json:"status"`
	StatusReason     *string         `json:"statusReason"`
	ConnectionTime   string          `json:"connectionStateUpdatedTime"`
	StatusTime       string          `json:"statusUpdatedTime"`
	LastActivityTime string          `json:"lastActivityTime"`
	MessageCount     int             `json:"cloudToDeviceMessageCount"`
	Capabilities     capabilitiesDoc `json:"capabilities"`
	Authentication   authentication  `json:"authentication"`
	Scope            string          `json:"deviceScope,omitempty"`
	Parents          []string        `json:"parentScopes,omitempty"`
}

type capabilitiesDoc struct {
	Edge bool `json:"iotEdge"`
}

func (h *Hub) identityDoc(v view) identityDoc {
	names, id := v.device.names(), v.identity
	doc := identityDoc{
		DeviceID: names.Device, ModuleID: names.Module,
		GenerationID: strconv.FormatInt(v.device.generation, 10), ETag: v.deviceETag(),
		ConnectionState: v.connectionState(), ConnectionTime: timeText(v.moved), LastActivityTime: timeText(v.active), MessageCount: v.messages,
		Status: v.status(), StatusReason: unlessZero(id.reason), StatusTime: timeText(id.statusTime),
		Capabilities: capabilitiesDoc{id.edge}, Scope: id.scope, Parents: id.parents,
		Authentication: authentication{Type: id.kind, X509: id.x509()},
	}
	if names.Module != "" {
		doc.ManagedBy = &id.managedBy
	}
	if id.kind == SAS {
		primary, secondary := h.keysOf(v.device.id, id.keys)
		doc.Authentication.SymmetricKey = keyPair{keyText(primary), keyText(secondary)}
	}
	return doc
}

func keyText(key []byte) *string {
	text := base64.StdEncoding.EncodeToString(key)
	return &text
}

func (c credentials) x509() thumbprints {
	return thumbprints{unlessZero(c.thumbprints[0]), unlessZero(c.thumbprints[1])}
}
