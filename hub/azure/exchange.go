package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/twinbook/twinbook/hub"
)

// An effect is what a request may do at the hub, and so what a lost answer means.
type effect int

const (
	read       effect = iota // nothing: it may be sent again by anyone
	repeatable               // the same once or twice
	once                     // each one counts
)

// A request is one HTTP request, and the words for it in an error.
type request struct {
	op     string // "call reboot"
	target hub.Target
	effect effect

	verb   string
	path   string // escaped
	query  url.Values
	ours   bool // a call of our own that only the simulator has
	header map[string]string
	body   any // encoded as JSON; nil for none

	limit   time.Duration // of real time, for all of it
	maxBody int64
}

// An answer is a verdict of the hub with status 200 to 299, read to its end.
type answer struct {
	header http.Header
	body   []byte
}

// errTooLarge says that an answer went over its limit of bytes.
type errTooLarge int64

func (e errTooLarge) Error() string {
	return fmt.Sprintf("the answer is larger than %d KiB", int64(e)>>10)
}

// do sends a request once, never follows a redirect, and returns an *hub.Error for all but success.
func (c *Client) do(ctx context.Context, r request) (answer, error) {
	httpReq, err := c.build(r)
	if err != nil {
		return answer{}, r.fail(hub.Invalid, false, err)
	}
	var got answer
	err = c.clock.Outside(ctx, r.limit, func(ctx context.Context) (err error) {
		got, err = c.exchange(ctx, r, httpReq)
		return err
	})
	return got, err
}

func (c *Client) exchange(ctx context.Context, r request, httpReq *http.Request) (answer, error) {
	var s sending
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { s.on(info.Conn) },
	})
	resp, err := c.transport.RoundTrip(httpReq.WithContext(traced))
	if err != nil {
		return answer{}, c.lost(ctx, r, s.settle(), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer{}, c.refusal(r, resp)
	}
	body, err := readBounded(resp.Body, resp.ContentLength, r.maxBody)
	if err != nil {
		return answer{}, c.lost(ctx, r, true, err)
	}
	return answer{resp.Header, body}, nil
}

// build makes the HTTP request. net/http repeats a request by itself when a kept connection turns
// out dead, but only one that is marked as harmless or whose body it can read again; what is not a
// read is neither.
func (c *Client) build(r request) (*http.Request, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = encode(r.body); err != nil {
			return nil, fmt.Errorf("the payload is no JSON: %w", err)
		}
	}
	where := c.base + r.path + "?api-version=" + apiVersion
	if len(r.query) > 0 {
		where += "&" + r.query.Encode()
	}
	httpReq, err := http.NewRequest(r.verb, where, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range r.header {
		httpReq.Header.Set(name, value)
	}
	httpReq.Header.Set("Authorization", c.tokens.at(c.clock.Now()))
	httpReq.Header.Set("User-Agent", "twinbook")
	if r.body != nil {
		httpReq.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	if r.effect == read {
		httpReq.Header["Idempotency-Key"] = nil // net/http: marks a POST as harmless, and is not sent
	} else {
		httpReq.GetBody = nil
	}
	return httpReq, nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // <, > and & would count six bytes each against the hub's limits
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// readBounded reads all there is, up to max bytes; length is how many there should be, or -1.
func readBounded(from io.Reader, length, max int64) ([]byte, error) {
	if length > max {
		return nil, errTooLarge(max)
	}
	body := bytes.NewBuffer(make([]byte, 0, bytes.MinRead+length+1)) // room for all, so that it never grows
	n, err := body.ReadFrom(io.LimitReader(from, max+1))
	if err == nil && n > max {
		return nil, errTooLarge(max)
	}
	return body.Bytes(), err
}

// twinPath is the path of a twin. Ids may hold ? # % + and more, so all but letters, digits and
// -_.~ is escaped.
func twinPath(t hub.Target) (string, error) {
	switch {
	case t.Device == "":
		return "", errors.New("no device is named")
	case t.Module == "":
		return "/twins/" + escape(t.Device), nil
	}
	return "/twins/" + escape(t.Device) + "/modules/" + escape(t.Module), nil
}

func escape(id string) string { return strings.ReplaceAll(url.QueryEscape(id), "+", "%20") }
