package simulator

import (
	"encoding/base64"
	"strings"
)

// identityBody is an identity as the service sends it. What it cannot write is not looked at, since
// clients send back what they read.
type identityBody struct {
	DeviceID string `json:"deviceId"`
	ModuleID string `json:"moduleId"`
	identityMembers
}

// identityMembers are what a service may write. A null is as good as none.
type identityMembers struct {
	Status         *string             `json:"status"`
	Reason         *string             `json:"statusReason"`
	Authentication *authenticationBody `json:"authentication"`
	Capabilities   struct {
		Edge *bool `json:"iotEdge"`
	} `json:"capabilities"`
	Scope     *string  `json:"deviceScope"`
	Parents   []string `json:"parentScopes"`
	ManagedBy *string  `json:"managedBy"`
}

type authenticationBody struct {
	Type         string `json:"type"`
	SymmetricKey struct {
		Primary   string `json:"primaryKey"`
		Secondary string `json:"secondaryKey"`
	} `json:"symmetricKey"`
	X509 struct {
		Primary   string `json:"primaryThumbprint"`
		Secondary string `json:"secondaryThumbprint"`
	} `json:"x509Thumbprint"`
}

// change is what the members ask for. A status without a reason takes the old reason away.
func (m identityMembers) change() (identityChange, error) {
	c := identityChange{reason: m.Reason, edge: m.Capabilities.Edge, scope: m.Scope, parents: m.Parents, managedBy: m.ManagedBy}
	if m.Status != nil {
		disabled := strings.EqualFold(*m.Status, "disabled")
		if !disabled && !strings.EqualFold(*m.Status, "enabled") {
			return c, argumentInvalid.fault("The status '%s' is neither enabled nor disabled", printable(*m.Status))
		}
		c.disabled = &disabled
		if c.reason == nil {
			c.reason = new(string)
		}
	}
	if m.Authentication == nil {
		return c, nil
	}
	var err error
	c.credentials, err = m.Authentication.credentials()
	return c, err
}

var authentications = []Authentication{SAS, SelfSigned, CertificateAuthority, NoAuthentication}

func (a authenticationBody) credentials() (*credentials, error) {
	c := credentials{kind: Authentication(a.Type), thumbprints: [2]string{a.X509.Primary, a.X509.Secondary}}
	for _, known := range authentications {
		if strings.EqualFold(a.Type, string(known)) {
			c.kind = known
		}
	}
	for i, text := range []string{a.SymmetricKey.Primary, a.SymmetricKey.Secondary} {
		var err error
		c.keys[i], err = base64.StdEncoding.DecodeString(text)
		if err != nil || strings.ContainsAny(text, "\r\n") { // which Go reads over
			return nil, argumentInvalid.fault("A symmetric key must be base64, without line breaks")
		}
	}
	c = c.ofKind()
	return &c, nil
}
