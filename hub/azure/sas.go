package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"sync"
	"time"
)

const (
	tokenLife  = time.Hour
	tokenSpare = 10 * time.Minute // renewed this long before its end, against clocks that differ
)

// tokens makes the SAS token that every request carries, and keeps it while it is good.
type tokens struct {
	sign     func(text string) string // holds the key, so that no printing of a Client can show it
	resource string
	policy   string

	mu      sync.Mutex // guards what is below
	token   string
	expires time.Time
}

func newTokens(c connection) *tokens {
	key := c.key
	return &tokens{
		sign: func(text string) string {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(text))
			return base64.StdEncoding.EncodeToString(mac.Sum(nil))
		},
		resource: url.QueryEscape(c.host),
		policy:   url.QueryEscape(c.policy),
	}
}

// at is the token to send at a time. The hub checks the signature over the resource exactly as it
// stands in the token, and over the expiry in seconds since 1970 (Azure docs: control access with
// shared access signatures).
func (t *tokens) at(now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Before(t.expires.Add(-tokenSpare)) {
		return t.token
	}
	t.expires = now.Add(tokenLife)
	expiry := t.expires.Unix()
	signature := t.sign(fmt.Sprintf("%s\n%d", t.resource, expiry))
	t.token = fmt.Sprintf("SharedAccessSignature sr=%s&sig=%s&se=%d&skn=%s",
		t.resource, url.QueryEscape(signature), expiry, t.policy)
	return t.token
}
