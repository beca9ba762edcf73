package azure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/twinbook/twinbook/hub"
)

const (
	maxRefusal = 64 << 10 // bytes of an error's body that are read
	maxText    = 300      // characters of the hub's own words that are shown
	maxWait    = time.Hour
)

// refusal is the error of an answer that is not a success.
func (c *Client) refusal(r request, resp *http.Response) error {
	body, _ := readBounded(resp.Body, resp.ContentLength, maxRefusal) // cut short, it still has its status
	code, text := readRefusal(resp, body)
	if r.ours && lacksCall(resp) {
		return r.fail(hub.Invalid, false, fmt.Errorf("%w (%s answered HTTP %d)", errOnlyAMQP, c.host, resp.StatusCode))
	}
	if c.plain && resp.StatusCode == 400 && strings.Contains(text, "HTTP request to an HTTPS server") { // Go's words
		return r.fail(hub.Unavailable, false, fmt.Errorf("the hub at %s speaks TLS; name the file of its CA in ca: or TWINBOOK_CA", c.host))
	}
	if r.ours && resp.Header.Get("iothub-errorcode") == "CursorOfAnotherHub" {
		return r.fail(hub.Invalid, false, errOtherCursor)
	}
	kind, sent := meaning(resp.StatusCode, code)
	e := r.fail(kind, sent, c.explain(resp, code, text))
	e.Wait = retryAfter(resp.Header.Get("Retry-After"), c.clock.Now())
	return e
}

// codes are the names that stand for a code in iothub-errorcode and in bodies, where the status
// alone does not tell.
var codes = map[string]int{
	"DeviceNotFound":                   404001,
	"ModuleNotFound":                   404010,
	"DeviceNotOnline":                  404103,
	"DeviceConnectionClosedRemotely":   404104,
	"IotHubQuotaExceeded":              403002,
	"JobQuotaExceeded":                 403003,
	"DeviceMaximumQueueDepthExceeded":  403004,
	"DeviceModelMaxPropertiesExceeded": 403100,
}

// readRefusal finds the six-digit code, if there is one, and the hub's words. Bodies have two forms:
// Message is "ErrorCode:Name;text", or it is JSON once more, with errorCode and message. A code
// that does not begin with the HTTP status is not believed.
func readRefusal(resp *http.Response, body []byte) (code int, text string) {
	var outer struct {
		Message   string
		ErrorCode json.RawMessage
	}
	if json.Unmarshal(body, &outer) != nil {
		outer.Message = string(body)
	}
	name, text := resp.Header.Get("iothub-errorcode"), outer.Message
	number := string(outer.ErrorCode)
	var inner struct {
		ErrorCode json.RawMessage
		Message   string
	}
	if json.Unmarshal([]byte(outer.Message), &inner) == nil {
		number, text = string(inner.ErrorCode), inner.Message
	} else if rest, ok := strings.CutPrefix(text, "ErrorCode:"); ok {
		name, text, _ = strings.Cut(rest, ";")
	}
	code, err := strconv.Atoi(number)
	if err != nil {
		code = codes[name]
	}
	if code/1000 != resp.StatusCode {
		code = 0
	}
	return code, clean(text)
}

// meaning is the kind of a refusal, and whether the request may have had its effect all the same.
func meaning(status, code int) (kind hub.Kind, sent bool) {
	switch code {
	case 404103:
		return hub.Offline, false
	case 404104: // the device had the call when its connection ended
		return hub.Interrupted, true
	case 403002, 403003, 403004:
		return hub.Throttled, false
	case 403100:
		return hub.Invalid, false
	}
	switch {
	case status == 401, status == 403, status == 407:
		return hub.Unauthorized, false
	case status == 404:
		return hub.NotFound, false
	case status == 408, status == 504:
		return hub.Timeout, true
	case status == 409, status == 412:
		return hub.Conflict, false
	case status == 429:
		return hub.Throttled, false
	case status == 502:
		return hub.Failed, true
	case status >= 400 && status < 500, status == 501:
		return hub.Invalid, false
	}
	return hub.Unavailable, true
}

// explain says what the hub refused, and what to do where that is known.
func (c *Client) explain(resp *http.Response, code int, text string) error {
	if text == "" {
		text = "without a reason"
	}
	status := resp.StatusCode
	switch {
	case status == 401:
		return fmt.Errorf("the hub refused the key of policy %s: %s; check SharedAccessKeyName, SharedAccessKey and this machine's time", c.policy, text)
	case status == 403 && code == 0:
		return fmt.Errorf("the hub refused policy %s: %s; it may lack the right, or this machine's address may be shut out", c.policy, text)
	case status == 429 || status == 403 && code != 403100:
		return fmt.Errorf("over the hub's quota: %s", text)
	case code == 404103:
		return fmt.Errorf("the device is not online: %s", text)
	case code == 404104:
		return fmt.Errorf("the device had the call and its connection ended before it answered: %s", text)
	case code == 404010:
		return fmt.Errorf("the hub knows no such module: %s", text)
	case status == 404:
		return fmt.Errorf("the hub at %s knows no such device: %s", c.host, text)
	case status == 412:
		return fmt.Errorf("the twin changed meanwhile: %s", text)
	case status == 502:
		return fmt.Errorf("the device's answer is no JSON: %s", text)
	case status == 504:
		return fmt.Errorf("no answer in time: %s", text)
	case status >= 300 && status < 400:
		return fmt.Errorf("%s sends us elsewhere (HTTP %d to %s), which an IoT hub never does; check HostName", c.host, status, clean(resp.Header.Get("Location")))
	case status > 501, status == 500:
		return fmt.Errorf("the hub has trouble of its own (HTTP %d): %s", status, text)
	}
	return fmt.Errorf("the hub refused the request (HTTP %d): %s", status, text)
}

// retryAfter reads both forms of Retry-After, seconds and a date. What it cannot be is no wait.
func retryAfter(text string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(max(seconds, 0), int(maxWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxWait)
}

// clean makes a foreign text fit for a terminal and a log line: one line, bounded, nothing unseen.
func clean(text string) string {
	words := strings.FieldsFunc(text[:min(len(text), 8*maxText)], unseen)
	runes := []rune(strings.Join(words, " "))
	if len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return string(runes)
}

func unseen(r rune) bool {
	return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar
}
