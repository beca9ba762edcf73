package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
)

// A ConnectionString says where a hub is and with which key to enter: as a policy of the hub
// (Policy), or as a device (Device, perhaps Module).
type ConnectionString struct {
	Host    string // may have a port
	Policy  string
	Device  string
	Module  string
	Gateway string // connect here instead; Host stays the name
	Key     []byte
}

// ParseConnectionString reads HostName=…;SharedAccessKeyName=…;SharedAccessKey=… or
// HostName=…;DeviceId=…;SharedAccessKey=…. Errors never hold the key.
func ParseConnectionString(s string) (ConnectionString, error) {
	var c ConnectionString
	fields := map[string]*string{
		"hostname": &c.Host, "sharedaccesskeyname": &c.Policy, "deviceid": &c.Device,
		"moduleid": &c.Module, "gatewayhostname": &c.Gateway, "sharedaccesskey": new(string),
	}
	for part := range strings.SplitSeq(strings.Trim(strings.TrimSpace(s), ";"), ";") {
		name, value, ok := strings.Cut(part, "=")
		field := fields[strings.ToLower(strings.TrimSpace(name))]
		switch {
		case !ok || value == "":
			return ConnectionString{}, errors.New("connection string: a part is not Name=Value")
		case field == nil:
			continue // SDKs ignore what they do not know
		case *field != "":
			return ConnectionString{}, fmt.Errorf("connection string: %s stands twice", name)
		}
		*field = value
	}
	key, err := base64.StdEncoding.DecodeString(*fields["sharedaccesskey"])
	if err != nil {
		return ConnectionString{}, errors.New("connection string: SharedAccessKey is not base64")
	}
	c.Key = key
	return c, c.check()
}

func (c ConnectionString) check() error {
	switch {
	case c.Host == "":
		return errors.New("connection string: HostName is missing")
	case c.Policy == "" && c.Device == "":
		return errors.New("connection string: SharedAccessKeyName (service) or DeviceId (device) is missing")
	case c.Policy != "" && c.Device != "":
		return errors.New("connection string: it has both SharedAccessKeyName and DeviceId; use one")
	case c.Module != "" && c.Device == "":
		return errors.New("connection string: ModuleId needs DeviceId")
	case len(c.Key) == 0:
		return errors.New("connection string: SharedAccessKey is missing")
	}
	return nil
}

// String prints the connection string, key and all: for its owner's eyes only.
func (c ConnectionString) String() string {
	var b strings.Builder
	b.WriteString("HostName=" + c.Host)
	for _, f := range []struct{ name, value string }{
		{"DeviceId", c.Device}, {"ModuleId", c.Module}, {"SharedAccessKeyName", c.Policy},
		{"SharedAccessKey", base64.StdEncoding.EncodeToString(c.Key)}, {"GatewayHostName", c.Gateway},
	} {
		if f.value != "" {
			b.WriteString(";" + f.name + "=" + f.value)
		}
	}
	return b.String()
}

// At is the same connection string with another host, such as the address of a listener.
func (c ConnectionString) At(host string) ConnectionString {
	c.Host = host
	return c
}

// Resource is what a token of this connection string has to name.
func (c ConnectionString) Resource() string {
	if c.Device == "" {
		return c.Host
	}
	return c.Host + "/" + Identity{c.Device, c.Module}.Path()
}

// Address is where to connect: Gateway or Host, with port where they name none.
func (c ConnectionString) Address(port string) string {
	host := c.Host
	if c.Gateway != "" {
		host = c.Gateway
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// SameHost compares two hosts without case and ports, as Azure's clients write them both ways.
func SameHost(a, b string) bool { return strings.EqualFold(withoutPort(a), withoutPort(b)) }

func withoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.Trim(host, "[]")
}
