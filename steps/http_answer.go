package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	nethttp "net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
)

func readAnswer(answer *nethttp.Response) (httpResult, error) {
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostBody+1))
	if err != nil {
		return httpResult{}, err
	}
	if len(text) > mostBody {
		return httpResult{}, &engine.Error{Kind: engine.KindInvalid, MaybeDone: true, Message: "the answer is larger than 1 MiB"}
	}
	result := httpResult{Status: answer.StatusCode, Headers: map[string]any{}, Body: string(text)}
	for name, values := range answer.Header {
		result.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if result.Body, err = expr.ParseJSON(text); err != nil {
			return httpResult{}, &engine.Error{Kind: engine.KindFailed, MaybeDone: true, Message: "the answer says it is JSON and cannot be read as such: " + err.Error()}
		}
	}
	return result, nil
}

// failure is a request that got no answer.
func (p *httpParams) failure(ctx context.Context, err error, sent bool) error {
	var known *engine.Error
	if errors.As(err, &known) {
		return known
	}
	e := &hub.Error{Op: p.Method + " " + string(p.URL), Kind: hub.Unavailable, Sent: sent, Err: plainCause(err)}
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		e.Kind = hub.Timeout
	case sent:
		e.Kind = hub.Interrupted
	}
	return e
}

// plainCause is the innermost reason of a failed request, without the URL that the outer ones repeat.
func plainCause(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}

// unmetHTTP says what an answer outside the expectation means: a server that is overloaded or away
// is worth another attempt.
func unmetHTTP(outputs map[string]any) *engine.Error {
	status, _ := outputs["status"].(float64)
	switch int(status) {
	case nethttp.StatusTooManyRequests:
		return &engine.Error{Kind: engine.KindThrottled, RetryAfter: retryAfter(outputs)}
	case nethttp.StatusBadGateway, nethttp.StatusServiceUnavailable, nethttp.StatusGatewayTimeout:
		return &engine.Error{Kind: engine.KindUnavailable, MaybeDone: true, RetryAfter: retryAfter(outputs)}
	}
	return nil
}

// retryAfter reads the header: seconds, or a date, which is held against the time that the answer
// itself names, so that a resumed run waits as long.
func retryAfter(outputs map[string]any) float64 {
	headers, _ := outputs["headers"].(map[string]any)
	text, _ := headers["retry-after"].(string)
	if seconds, err := strconv.Atoi(text); err == nil {
		return max(float64(seconds), 0)
	}
	answered, _ := headers["date"].(string)
	from, err := nethttp.ParseTime(answered)
	if err != nil {
		return 0
	}
	due, err := nethttp.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(due.Sub(from).Seconds(), 0)
}
