package azure

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
)

func TestRefusals(t *testing.T) {
	form1 := func(name, text string) string {
		return `{"Message":"ErrorCode:` + name + `;` + text + `","ExceptionMessage":"Tracking ID:1-TimeStamp:2"}`
	}
	form2 := func(code, text string) string {
		return `{"Message":"{\"errorCode\":` + code + `,\"trackingId\":\"1\",\"message\":\"` + text + `\"}","ExceptionMessage":""}`
	}
	for _, test := range []struct {
		name         string
		status       int
		header, body string // iothub-errorcode
		kind         hub.Kind
		sent         bool // of a method call
		text         string
	}{
		{"offline", 404, "DeviceNotOnline", form2("404103", "Timed out waiting for device to connect."), hub.Offline, false, "not online: Timed out"},
		{"offline by header", 404, "DeviceNotOnline", "", hub.Offline, false, "not online"},
		{"offline by name in the body", 404, "", form1("DeviceNotOnline", "x"), hub.Offline, false, "not online: x"},
		{"newer flat body", 404, "", `{"errorCode":404103,"message":"x"}`, hub.Offline, false, "not online: x"},
		{"closed while it worked", 404, "", form2("404104", "x"), hub.Interrupted, true, "before it answered"},
		{"no device", 404, "DeviceNotFound", form1("DeviceNotFound", "dev-1"), hub.NotFound, false, "knows no such device: dev-1"},
		{"no module", 404, "", form2("404010", "x"), hub.NotFound, false, "no such module"},
		{"key", 401, "IotHubUnauthorized", form1("IotHubUnauthorized", "Unauthorized"), hub.Unauthorized, false, "refused the key of policy service: Unauthorized"},
		{"right", 403, "", "", hub.Unauthorized, false, "refused policy service"},
		{"quota", 403, "IotHubQuotaExceeded", form1("IotHubQuotaExceeded", "x"), hub.Throttled, false, "quota"},
		{"section too large", 403, "", form1("DeviceModelMaxPropertiesExceeded", "'Properties.Desired' size should be less than 32768 bytes."), hub.Invalid, false, "32768"},
		{"exists", 409, "", "", hub.Conflict, false, "HTTP 409"},
		{"etag", 412, "PreconditionFailed", form1("PreconditionFailed", "x"), hub.Conflict, false, "changed meanwhile"},
		{"throttled", 429, "ThrottlingException", form1("ThrottlingException", "x"), hub.Throttled, false, "quota"},
		{"bad request", 400, "ArgumentInvalid", form1("ArgumentInvalid", "payload"), hub.Invalid, false, "refused the request (HTTP 400): payload"},
		{"server", 500, "ServerError", form1("ServerError", "x"), hub.Unavailable, true, "trouble of its own (HTTP 500)"},
		{"busy", 503, "ServiceUnavailable", form1("ServiceUnavailable", "x"), hub.Unavailable, true, "HTTP 503"},
		{"garbage from the device", 502, "", form2("502000", "x"), hub.Failed, true, "no JSON"},
		{"silent device", 504, "", form2("504101", "Timed out waiting for the response from device."), hub.Timeout, true, "no answer in time: Timed out"},
		{"not there", 501, "GenericNotImplemented", form1("GenericNotImplemented", "x"), hub.Invalid, false, "refused the request (HTTP 501): x"},
		{"code of another status", 500, "DeviceNotOnline", form2("404103", "x"), hub.Unavailable, true, "HTTP 500"},
		{"no JSON", 503, "", "<html>\r\n\x1b[31mbusy\u202e\x00</html>", hub.Unavailable, true, ": <html> [31mbusy </html>"},
		{"redirect", 307, "", "", hub.Unavailable, true, "sends us elsewhere (HTTP 307 to /other)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				w.Header().Set("Location", "/other")
				if test.header != "" {
					w.Header().Set("iothub-errorcode", test.header)
				}
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			_, err := c.Invoke(t.Context(), reboot())
			e := hubError(t, err)
			if e.Kind != test.kind || e.Sent != test.sent || !strings.Contains(err.Error(), test.text) {
				t.Errorf("kind %s, sent %v: %v\nwant %s, %v, ...%s...", e.Kind, e.Sent, err, test.kind, test.sent, test.text)
			}
			if want := "call reboot on dev-1: "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %q does not begin with %q", err, want)
			}
			_, err = c.Twin(t.Context(), hub.Target{Device: "dev-1"})
			if e := hubError(t, err); e.Sent {
				t.Errorf("a read is never sent in this sense: %v", err)
			}
			if requests != 2 {
				t.Errorf("%d requests, want 2", requests)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"-7":                            0,
		"999999999999999999":            maxWait,
		"99999999999999999999999":       0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2025 03:04:35 GMT": 0,
		"Fri, 02 Jan 2099 03:04:35 GMT": maxWait,
		"soon":                          0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("retryAfter(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestCleanIsShort(t *testing.T) {
	for _, text := range []string{strings.Repeat("ä", 100000), strings.Repeat("a b ", 100000), strings.Repeat("\x00", 100000)} {
		if n := len([]rune(clean(text))); n > maxText+1 {
			t.Errorf("clean(%.10q…) has %d characters", text, n)
		}
	}
}
