package engine

import (
	"fmt"
	"slices"
	"strings"
)

// CheckHeader says what is wrong with a header field of an HTTP request, or nil. The error never
// shows the value, which may be a secret.
func CheckHeader(name, value string) error {
	if name == "" || strings.ContainsFunc(name, notInToken) {
		return fmt.Errorf("%q is no name of a header field; use letters, digits and -", name)
	}
	if slices.ContainsFunc(connectionHeaders, func(own string) bool { return strings.EqualFold(own, name) }) {
		return fmt.Errorf("%s is set by twinbook itself; leave it out", name)
	}
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("the value of %s has a line break or another control character in it", name)
		}
	}
	return nil
}

// connectionHeaders follow from the URL and the body. Go's HTTP client ignores them without a word.
var connectionHeaders = []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer"}

// notInToken says whether a character cannot stand in a field's name (RFC 9110, 5.6.2).
func notInToken(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}
