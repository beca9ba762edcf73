package wire

import (
	"fmt"
	"strings"
)

// A Username is the user name of an MQTT CONNECT.
type Username struct {
	Host       string
	ClientID   string
	APIVersion string
	ModelID    string
}

// ParseUsername reads host/clientID/?api-version=V&…, also without the "?", which old
// documentation showed, and without any query. Host and ids are not percent-encoded; an id may
// hold "?" and "&", never "/".
func ParseUsername(s string) (Username, error) {
	host, rest, ok := strings.Cut(s, "/")
	if !ok || host == "" {
		return Username{}, fmt.Errorf("user name %.80q is not host/device/?api-version=…", s)
	}
	client, query := rest, ""
	for _, mark := range []string{"/?api-version=", "/api-version=", "/?"} {
		if i := strings.LastIndex(rest, mark); i >= 0 {
			client, query = rest[:i], strings.TrimPrefix(rest[i+1:], "?")
			break
		}
	}
	u := Username{Host: host, ClientID: strings.TrimSuffix(client, "/")}
	if u.ClientID == "" || strings.HasSuffix(u.ClientID, "/") { // no id ends so
		return Username{}, fmt.Errorf("user name %.80q names no device", s)
	}
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "api-version":
			u.APIVersion = unescape(value)
		case "model-id":
			u.ModelID = unescape(value)
		}
	}
	return u, nil
}

// String prints the user name as Azure's SDKs do.
func (u Username) String() string {
	s := u.Host + "/" + u.ClientID + "/?api-version=" + u.APIVersion
	if u.ModelID != "" {
		s += "&model-id=" + escape(u.ModelID)
	}
	return s
}

// ParseClientID splits an MQTT client id into device and module.
func ParseClientID(s string) (Identity, error) {
	device, module, split := strings.Cut(s, "/")
	id := Identity{Device: device, Module: module}
	if !ValidID(device) || split && !ValidID(module) {
		return Identity{}, fmt.Errorf("%.80q is no device id", s)
	}
	return id, nil
}

// ValidID says whether s may be the id of a device or module: 1 to 128 ASCII letters, digits and
// some signs, as Azure's identity registry documents.
func ValidID(s string) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		case strings.ContainsRune("-.+%_#*?!(),:=@$'", r):
		default:
			return false
		}
	}
	return true
}
