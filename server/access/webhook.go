package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webhookTolerance is how far the time in a signed webhook may be from ours, as the Standard Webhooks specification proposes.
const webhookTolerance = 5 * time.Minute

// mostSignatures of one request are looked at; a sender that changes its secret sends two.
const mostSignatures = 10

// longestKey bounds what a sender names its request by.
const longestKey = 256

// standardPrefix marks a secret of Standard Webhooks, whose bytes are written in base64.
const standardPrefix = "whsec_"

// VerifyWebhook says whether the sender of a webhook knows its secret, in one of three ways, of which the first that the request has
// decides:
//
//   - Standard Webhooks: webhook-signature over webhook-id, webhook-timestamp (at most five minutes old) and body. A
//     request that somebody has overheard cannot be sent again: its id is signed, and is the key.
//   - X-Hub-Signature-256 over the body, as GitHub and many others send it
//   - Authorization: Bearer and the secret itself
//
// key names the request, so that a second sending of it can be told: webhook-id where it is signed; otherwise Idempotency-Key, webhook-id or
// X-GitHub-Delivery; empty if the sender gives none. The error is a *Refusal.
func VerifyWebhook(r *http.Request, body []byte, secret string, now time.Time) (key string, err error) {
	if secret == "" {
		return "", refuse(http.StatusForbidden, "this webhook has no secret, so nobody can be told from anybody else")
	}
	h := r.Header
	for _, name := range []string{"Webhook-Signature", "Webhook-Id", "Webhook-Timestamp", "X-Hub-Signature-256", "Authorization", "Idempotency-Key", "X-Github-Delivery"} {
		if len(h.Values(name)) > 1 {
			return "", refuse(http.StatusBadRequest, "the header "+name+" stands there twice")
		}
	}
	var f *Refusal
	signed := h.Get("Webhook-Signature") != ""
	switch {
	case signed:
		f = checkStandard(h, body, secret, now)
	case h.Get("X-Hub-Signature-256") != "":
		f = checkHub(h.Get("X-Hub-Signature-256"), body, secret)
	default:
		f = checkSecret(h, secret)
	}
	if f != nil {
		return "", f
	}
	return webhookKey(h, signed)
}

// checkStandard is https://www.standardwebhooks.com, with symmetric signatures (v1).
func checkStandard(h http.Header, body []byte, secret string, now time.Time) *Refusal {
	id, stamp := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return refuse(http.StatusBadRequest, "webhook-signature needs webhook-id, and webhook-timestamp in seconds since 1970")
	}
	content := append([]byte(id+"."+stamp+"."), body...)
	want := signature(standardKey(secret), content)
	for i, text := range strings.Fields(h.Get("Webhook-Signature")) {
		encoded, v1 := strings.CutPrefix(text, "v1,")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if i >= mostSignatures || !v1 || err != nil || !hmac.Equal(given, want) {
			continue
		}
		// After the signature: only whoever knows the secret learns what our clock says.
		if age := now.Unix() - seconds; age > int64(webhookTolerance/time.Second) || age < -int64(webhookTolerance/time.Second) {
			return refuse(http.StatusUnauthorized, "webhook-timestamp is not within five minutes of "+now.UTC().Format(time.RFC3339)+": the request is an old one, or a clock is wrong")
		}
		return nil
	}
	return errWebhook
}

// errWebhook is all that a stranger is told.
var errWebhook = refuse(http.StatusUnauthorized, "the signature does not fit the body and the webhook's secret")

// standardKey is the key of a secret: its bytes, unless it says that they are written in base64.
func standardKey(secret string) []byte {
	encoded, ok := strings.CutPrefix(secret, standardPrefix)
	if key, err := base64.StdEncoding.DecodeString(encoded); ok && err == nil {
		return key
	}
	return []byte(secret)
}

func checkHub(header string, body []byte, secret string) *Refusal {
	digits, ok := strings.CutPrefix(header, "sha256=")
	given, err := hex.DecodeString(digits)
	if !ok || err != nil || !hmac.Equal(given, signature([]byte(secret), body)) {
		return errWebhook
	}
	return nil
}

func signature(key, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	return mac.Sum(nil)
}

// checkSecret compares hashes, so that not even the length of the secret shows.
func checkSecret(h http.Header, secret string) *Refusal {
	if h.Get("Authorization") == "" {
		return refuse(http.StatusUnauthorized, "this webhook needs a signature (webhook-signature or X-Hub-Signature-256), or its secret as the bearer token")
	}
	text, f := bearerText(h)
	if f != nil {
		return f
	}
	given, want := sha256.Sum256([]byte(text)), sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		return refuse(http.StatusUnauthorized, "the bearer token is not the webhook's secret")
	}
	return nil
}

// webhookKey names a request. What is not signed does not count where something is: whoever repeats a request would change it.
func webhookKey(h http.Header, signed bool) (string, error) {
	names := []string{"Idempotency-Key", "Webhook-Id", "X-Github-Delivery"}
	if signed {
		names = []string{"Webhook-Id"}
	}
	for _, name := range names {
		key := h.Get(name)
		if key == "" {
			continue
		}
		if f := checkKey(name, key); f != nil {
			return "", f
		}
		return key, nil
	}
	return "", nil
}

func checkKey(name, key string) *Refusal {
	if len(key) > longestKey || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return refuse(http.StatusBadRequest, "the header "+name+" must be at most 256 printable ASCII characters")
	}
	return nil
}
