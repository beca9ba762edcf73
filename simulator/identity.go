package simulator

import (
	"encoding/base64"
	"strconv"
)

type keyPair struct {
	Primary   string `json:"primaryKey"`
	Secondary string `json:"secondaryKey"`
}

type thumbprints struct {
	Primary   *string `json:"primaryThumbprint"`
	Secondary *string `json:"secondaryThumbprint"`
}

type authentication struct {
	SymmetricKey keyPair     `json:"symmetricKey"`
	X509         thumbprints `json:"x509Thumbprint"`
	Type         string      `json:"type"`
}

// identityDoc is a device's identity as the service shows it.
type identityDoc struct {
	DeviceID         string         `json:"deviceId"`
	GenerationID     string         `json:"generationId"`
	ETag             string         `json:"etag"`
	ConnectionState  string         `json:"connectionState"`
	Status           string         `json:"status"`
	StatusReason     *string        `json:"statusReason"`
	ConnectionTime   string         `json:"connectionStateUpdatedTime"`
	StatusTime       string         `json:"statusUpdatedTime"`
	LastActivityTime string         `json:"lastActivityTime"`
	MessageCount     int            `json:"cloudToDeviceMessageCount"`
	Capabilities     map[string]any `json:"capabilities"`
	Authentication   authentication `json:"authentication"`
}

func (h *Hub) identity(id string) (identityDoc, error) {
	d, err := h.device(id)
	if err != nil {
		return identityDoc{}, err
	}
	v := d.view()
	primary, secondary := h.deviceKeys(d)
	return identityDoc{
		DeviceID: id, GenerationID: strconv.FormatInt(d.generation, 10), ETag: d.etag(),
		ConnectionState: v.connectionState(), Status: v.status(), StatusTime: zeroTime,
		ConnectionTime: timeText(v.moved), LastActivityTime: timeText(v.active), MessageCount: v.messages,
		Capabilities: map[string]any{"iotEdge": false},
		Authentication: authentication{
			SymmetricKey: keyPair{base64.StdEncoding.EncodeToString(primary), base64.StdEncoding.EncodeToString(secondary)},
			Type:         "sas",
		},
	}, nil
}
