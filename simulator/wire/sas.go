package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

const sasPrefix = "SharedAccessSignature "

// skew is how far a client's clock may be behind ours.
const skew = 5 * time.Second

// A Token is a parsed SAS token. Nothing is true of it until SignedBy said so.
type Token struct {
	Resource string // what it opens, without percent-escapes
	Expiry   int64  // seconds since 1970
	Policy   string // the hub policy whose key signed it; empty: the device's own key

	signed    string // the text under the signature: resource as it was sent, and expiry
	signature []byte
}

// NewToken makes a SAS token for a resource.
func NewToken(resource, policy string, key []byte, expiry time.Time) string {
	sr, se := escape(resource), strconv.FormatInt(expiry.Unix(), 10)
	sig := base64.StdEncoding.EncodeToString(sign(key, sr+"\n"+se))
	s := sasPrefix + "sr=" + sr + "&sig=" + escape(sig) + "&se=" + se
	if policy != "" {
		s += "&skn=" + escape(policy)
	}
	return s
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// ParseToken reads a SAS token, its fields in any order. Errors never hold the token.
func ParseToken(s string) (Token, error) {
	rest, ok := strings.CutPrefix(s, sasPrefix)
	if !ok {
		return Token{}, errors.New("not a SAS token: it does not begin with SharedAccessSignature")
	}
	fields := make(map[string]string, 4)
	for part := range strings.SplitSeq(rest, "&") {
		name, value, _ := strings.Cut(part, "=")
		if _, twice := fields[name]; twice {
			return Token{}, errors.New("SAS token: a field stands twice")
		}
		fields[name] = value
	}
	expiry, err := strconv.ParseInt(fields["se"], 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // a later one than all others is the last there is
		return Token{}, errors.New("SAS token: se is not a number of seconds")
	}
	sig, err := base64.StdEncoding.DecodeString(unescape(fields["sig"]))
	if err != nil || len(sig) != sha256.Size {
		return Token{}, errors.New("SAS token: sig is not the base64 of a signature")
	}
	if fields["sr"] == "" {
		return Token{}, errors.New("SAS token: sr is missing")
	}
	return Token{
		Resource: unescape(fields["sr"]), Expiry: expiry, Policy: unescape(fields["skn"]),
		signed: fields["sr"] + "\n" + fields["se"], signature: sig,
	}, nil
}

// SignedBy says whether one of the keys made the signature.
func (t Token) SignedBy(keys ...[]byte) bool {
	for _, key := range keys {
		if len(key) > 0 && hmac.Equal(sign(key, t.signed), t.signature) {
			return true
		}
	}
	return false
}

// Expired says whether the token's time is over, clocks being a little apart.
func (t Token) Expired(now time.Time) bool { return t.Left(now) <= 0 }

// Left is how long the token is still good. It is long, not negative, for the far futures that some
// clients write (milliseconds taken for seconds).
func (t Token) Left(now time.Time) time.Duration {
	const year = 365 * 24 * time.Hour
	seconds := t.Expiry - now.Unix()
	if t.Expiry > 0 && (seconds > int64(year/time.Second) || seconds < 0 && t.Expiry > now.Unix()) {
		return year
	}
	return time.Unix(max(t.Expiry, 0), 0).Add(skew).Sub(now)
}

// Until is when the token's time is over, clocks being a little apart.
func (t Token) Until() time.Time {
	const last = 1 << 40 // seconds, which a time can still be reckoned with
	return time.Unix(min(max(t.Expiry, 0), last), 0).Add(skew)
}

// Path is the token's resource without its host: "devices/D", or empty for the whole hub.
func (t Token) Path() string {
	_, path, _ := strings.Cut(t.Resource, "/")
	return strings.Trim(path, "/")
}

// Host is the token's resource up to the first slash.
func (t Token) Host() string {
	host, _, _ := strings.Cut(t.Resource, "/")
	return host
}

// Within says whether path a is b or lies below it, on the borders of segments.
func Within(a, b string) bool {
	return b == "" || a == b || strings.HasPrefix(a, b+"/")
}
