package simulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/twinbook/twinbook/simulator/wire"
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
		if c.keys[i], err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, argumentInvalid.fault("A symmetric key must be base64")
		}
	}
	c = c.ofKind()
	return &c, nil
}

// decodeBody reads a body of JSON into a struct or list of ours; what is the noun for it in messages.
// It nests no deeper than depth.
func decodeBody(body []byte, depth int, what string, into any) error {
	if err := wire.CheckJSON(body, depth); err != nil {
		return argumentInvalid.fault("The request body is not valid: %v", err)
	}
	err := json.Unmarshal(body, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return argumentInvalid.fault("The request body is not %s: %s cannot be a JSON %s", what, wrong.Field, printable(wrong.Value))
	case errors.As(err, &wrong):
		return argumentInvalid.fault("The request body is not %s but a JSON %s", what, printable(wrong.Value))
	case err != nil:
		return argumentInvalid.fault("The request body is not %s: %s", what, printable(err.Error()))
	}
	return nil
}
