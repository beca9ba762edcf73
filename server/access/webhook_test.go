package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// hmacOf is our own sum, beside the one that is tested.
func hmacOf(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		fmt.Fprint(mac, p)
	}
	return mac.Sum(nil)
}

func standard(secret []byte, id string, at time.Time, body string) []string {
	stamp := fmt.Sprint(at.Unix())
	sum := base64.StdEncoding.EncodeToString(hmacOf(secret, id, ".", stamp, ".", body))
	return []string{"webhook-id", id, "webhook-timestamp", stamp, "webhook-signature", "v1," + sum}
}

func TestWebhookSignatures(t *testing.T) {
	const secret, body = "a secret of the webhook", `{"ref":"main"}`
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	good := standard([]byte(secret), "msg_1", now, body)
	hub := "sha256=" + hex.EncodeToString(hmacOf([]byte(secret), body))
	replace := func(list []string, name, value string) []string {
		list = append([]string{}, list...)
		for i := 0; i < len(list); i += 2 {
			if list[i] == name {
				list[i+1] = value
			}
		}
		return list
	}
	for _, c := range []struct {
		name   string
		header []string
		key    string
		refuse int
		detail string
	}{
		{name: "standard", header: good, key: "msg_1"},
		{name: "standard, by a minute old", header: standard([]byte(secret), "msg_1", now.Add(-time.Minute), body), key: "msg_1"},
		{name: "standard, of two secrets", header: replace(good, "webhook-signature", "v1,AAAA v1a,xyz "+good[5]), key: "msg_1"},
		{name: "standard, with another key beside it", header: append([]string{"Idempotency-Key", "mine", "X-GitHub-Delivery", "x"}, good...), key: "msg_1"},
		{name: "standard, old", header: standard([]byte(secret), "msg_1", now.Add(-6*time.Minute), body), refuse: 401, detail: "not within five minutes"},
		{name: "standard, from the future", header: standard([]byte(secret), "msg_1", now.Add(6*time.Minute), body), refuse: 401, detail: "not within five minutes"},
		{name: "standard, before all time", header: standard([]byte(secret), "msg_1", time.Unix(-1<<62, 0), body), refuse: 401, detail: "not within five minutes"},
		{name: "standard, old with a new time", header: replace(standard([]byte(secret), "msg_1", now.Add(-time.Hour), body), "webhook-timestamp", fmt.Sprint(now.Unix())), refuse: 401, detail: "does not fit"},
		{name: "standard, with another id", header: replace(good, "webhook-id", "msg_2"), refuse: 401, detail: "does not fit"},
		{name: "standard, without id", header: replace(good, "webhook-id", ""), refuse: 400, detail: "needs webhook-id"},
		{name: "standard, dots moved", header: replace(replace(good, "webhook-id", "msg_1."+good[3]), "webhook-timestamp", ""), refuse: 400, detail: "in seconds"},
		{name: "standard, time of text", header: replace(good, "webhook-timestamp", "now"), refuse: 400, detail: "in seconds"},
		{name: "standard, of another secret", header: standard([]byte("another"), "msg_1", now, body), refuse: 401, detail: "does not fit"},
		{name: "standard, asymmetric only", header: replace(good, "webhook-signature", "v1a,"+good[5][3:]), refuse: 401, detail: "does not fit"},
		{name: "standard, cut", header: replace(good, "webhook-signature", good[5][:30]), refuse: 401, detail: "does not fit"},
		{name: "standard, empty sum", header: replace(good, "webhook-signature", "v1,"), refuse: 401, detail: "does not fit"},
		{name: "standard, behind many", header: replace(good, "webhook-signature", strings.Repeat("v1,AAAA ", mostSignatures)+good[5]), refuse: 401, detail: "does not fit"},
		{name: "standard wrong and the others right", header: append([]string{"X-Hub-Signature-256", hub, "Authorization", "Bearer " + secret}, replace(good, "webhook-signature", "v1,AAAA")...), refuse: 401, detail: "does not fit"},
		{name: "GitHub", header: []string{"X-Hub-Signature-256", hub, "X-GitHub-Delivery", "72d3162e"}, key: "72d3162e"},
		{name: "GitHub, capitals", header: []string{"X-Hub-Signature-256", "sha256=" + strings.ToUpper(hub[7:])}},
		{name: "GitHub, named by the sender", header: []string{"X-Hub-Signature-256", hub, "X-GitHub-Delivery", "d", "Idempotency-Key", "k"}, key: "k"},
		{name: "GitHub, wrong", header: []string{"X-Hub-Signature-256", "sha256=" + strings.Repeat("0", 64)}, refuse: 401, detail: "does not fit"},
		{name: "GitHub, cut", header: []string{"X-Hub-Signature-256", hub[:20]}, refuse: 401, detail: "does not fit"},
		{name: "GitHub, empty sum", header: []string{"X-Hub-Signature-256", "sha256="}, refuse: 401, detail: "does not fit"},
		{name: "GitHub, SHA-1", header: []string{"X-Hub-Signature", "sha1=" + strings.Repeat("0", 40)}, refuse: 401, detail: "needs a signature"},
		{name: "GitHub, twice", header: []string{"X-Hub-Signature-256", hub, "X-Hub-Signature-256", "sha256=00"}, refuse: 400, detail: "twice"},
		{name: "token", header: []string{"Authorization", "Bearer " + secret, "Idempotency-Key", "k-1"}, key: "k-1"},
		{name: "token, named as a webhook", header: []string{"Authorization", "Bearer " + secret, "webhook-id", "k-2"}, key: "k-2"},
		{name: "token, wrong", header: []string{"Authorization", "Bearer " + secret[1:]}, refuse: 401, detail: "not the webhook's secret"},
		{name: "token, empty", header: []string{"Authorization", "Bearer "}, refuse: 401, detail: "not the webhook's secret"},
		{name: "token, another scheme", header: []string{"Authorization", "Basic " + secret}, refuse: 401, detail: "Bearer"},
		{name: "nothing", refuse: 401, detail: "needs a signature"},
		{name: "long key", header: []string{"Authorization", "Bearer " + secret, "Idempotency-Key", strings.Repeat("k", 257)}, refuse: 400, detail: "256 printable"},
		{name: "key with a line break", header: []string{"Authorization", "Bearer " + secret, "Idempotency-Key", "a\nb"}, refuse: 400, detail: "256 printable"},
	} {
		key, err := VerifyWebhook(hook(body, c.header...), []byte(body), secret, now)
		var f *Refusal
		switch errors.As(err, &f); {
		case c.refuse == 0 && (err != nil || key != c.key):
			t.Errorf("%s: key %q, want %q (%v)", c.name, key, c.key, err)
		case c.refuse != 0 && (f == nil || f.Status != c.refuse || !strings.Contains(f.Detail, c.detail) || key != ""):
			t.Errorf("%s: key %q, %+v, want %d %s", c.name, key, f, c.refuse, c.detail)
		case f != nil && strings.Contains(f.Detail, secret):
			t.Errorf("%s: the answer shows the secret: %s", c.name, f.Detail)
		}
	}
}

func hook(body string, header ...string) *http.Request {
	r := httptest.NewRequest("POST", "/api/v1/hooks/redeploy", strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// TestWebhookVectors are sums that others have computed.
func TestWebhookVectors(t *testing.T) {
	// GitHub's documentation, "Validating webhook deliveries".
	r := hook("", "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	if _, err := VerifyWebhook(r, []byte("Hello, World!"), "It's a Secret to Everybody", time.Now()); err != nil {
		t.Errorf("GitHub's example: %v", err)
	}
	// The Standard Webhooks libraries' own tests.
	r = hook("", "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp", "1614265330", "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	if _, err := VerifyWebhook(r, []byte(`{"test": 2432232314}`), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", time.Unix(1614265330, 0)); err != nil {
		t.Errorf("the example of Standard Webhooks: %v", err)
	}
}

func TestWebhookWithoutSecretIsRefused(t *testing.T) {
	body := "{}"
	for _, header := range [][]string{
		{"Authorization", "Bearer "}, {"X-Hub-Signature-256", "sha256=" + hex.EncodeToString(hmacOf(nil, body))}, nil,
	} {
		if _, err := VerifyWebhook(hook(body, header...), []byte(body), "", time.Now()); err == nil {
			t.Errorf("%q is let in", header)
		}
	}
}

func TestWebhookOfAnotherBody(t *testing.T) {
	now := time.Now()
	for _, header := range [][]string{
		standard([]byte("secret"), "1", now, "{}"), {"X-Hub-Signature-256", "sha256=" + hex.EncodeToString(hmacOf([]byte("secret"), "{}"))},
	} {
		if _, err := VerifyWebhook(hook("{ }", header...), []byte("{ }"), "secret", now); err == nil {
			t.Errorf("%q is good for another body", header)
		}
	}
}
