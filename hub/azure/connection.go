package azure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// connectionShape is what every message about a connection string ends with.
const connectionShape = `it looks like HostName=NAME.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=KEY`

// A connection is what a service connection string says.
type connection struct {
	host   string // lower case, with the port if one is given
	policy string
	key    []byte
	plain  bool // HTTP: loopback with an explicit port, and no CA
}

func (c connection) base() string {
	if c.plain {
		return "http://" + c.host
	}
	return "https://" + c.host
}

// parseConnection never puts a part's value in an error but that of HostName: a slip in the
// punctuation can make any other part hold the key.
func parseConnection(text string) (connection, error) {
	parts, err := splitConnection(text)
	if err != nil {
		return connection{}, fmt.Errorf("connection string: %w; %s", err, connectionShape)
	}
	var c connection
	if c.host, c.plain, err = parseHost(parts["hostname"]); err != nil {
		return connection{}, fmt.Errorf("connection string: %w", err)
	}
	c.policy = parts["sharedaccesskeyname"]
	if c.key, err = base64.StdEncoding.DecodeString(parts["sharedaccesskey"]); err != nil {
		return connection{}, errors.New("connection string: SharedAccessKey is not base64: was it cut short when copied? It ends with = as a rule")
	}
	return c, nil
}

var connectionParts = []string{"HostName", "SharedAccessKeyName", "SharedAccessKey"}

func splitConnection(text string) (map[string]string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, errors.New("it is empty")
	case strings.HasPrefix(text, `"`), strings.HasPrefix(text, `'`):
		return nil, errors.New("it is in quotes: remove them")
	}
	parts := map[string]string{}
	for i, part := range strings.Split(strings.TrimSuffix(text, ";"), ";") {
		name, value, _ := strings.Cut(part, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if err := checkPart(i, name); err != nil {
			return nil, err
		}
		if _, twice := parts[name]; twice {
			return nil, fmt.Errorf("part %d names a thing for the second time", i+1)
		}
		parts[name] = value
	}
	for _, name := range connectionParts {
		if parts[strings.ToLower(name)] == "" {
			return nil, fmt.Errorf("%s is missing or empty", name)
		}
	}
	return parts, nil
}

func checkPart(i int, name string) error {
	for _, known := range connectionParts {
		if strings.EqualFold(name, known) {
			return nil
		}
	}
	switch name {
	case "deviceid", "moduleid", "gatewayhostname":
		return errors.New("it is that of a device: take the one of a policy of the hub, such as service")
	case "endpoint", "entitypath":
		return errors.New("it is that of an Event Hubs endpoint: take the one of a policy of the hub, such as service")
	case "sharedaccesssignature":
		return errors.New("it holds a SharedAccessSignature, which would expire: take the one with SharedAccessKey")
	}
	return fmt.Errorf("part %d is not one of HostName, SharedAccessKeyName, SharedAccessKey", i+1)
}

// parseHost also says whether the hub speaks plain HTTP. That is so only on this machine and with an
// explicit port: a simulator, where no key of value and no byte leaves the machine.
func parseHost(text string) (host string, plain bool, err error) {
	wrong := func(what string) error {
		return fmt.Errorf("HostName %q %s; write the name alone, such as plant.azure-devices.net or 127.0.0.1:8080", clean(text), what)
	}
	host = strings.ToLower(text)
	if strings.Contains(host, "://") || strings.ContainsAny(host, "/?#@ \t%") {
		return "", false, wrong("is not a bare name")
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil { // no port
		name, port = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ""
	}
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return "", false, wrong("has a port that is none")
	}
	ip, ipErr := netip.ParseAddr(name)
	if ipErr != nil && !isName(name) {
		return "", false, wrong("cannot be a host")
	}
	if ip.Is6() && !strings.HasPrefix(host, "[") {
		return "", false, wrong("is an IPv6 address and needs brackets")
	}
	return host, port != "" && (name == "localhost" || ipErr == nil && ip.IsLoopback()), nil
}

func isName(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 253
}
