package steps

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	nethttp "net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/engine"
)

var http = engine.Define(engine.Spec{
	Name:    "http",
	Summary: "ask another server over HTTP",
	Doc: "GET and HEAD are reads and may be repeated; any other method is sent once, with an Idempotency-Key header that names run and step. " +
		"The key is the same in each attempt of the step, so that a server can tell a repeated request; where a block around it is tried again, it is a new one. " +
		"In the URL, `${{ }}` may stand only from the path on. It is escaped there: it adds neither a part to the path nor a parameter to the query, and a part of the path that becomes `.` or `..` is refused. Header names in the answer are in lower case. " +
		"A read follows up to 10 redirects, and sends its headers and body only to the server that it was meant for; any other method takes a redirect for the answer.",
	Example: `
- id: weather
  http: { url: "https://example.com/weather/${{ inputs.city }}" }
- http:
    method: POST
    url: https://example.com/tickets
    headers: { Authorization: "Bearer ${{ secrets.apiToken }}" }
    body: { title: "the weather is ${{ steps.weather.body.summary }}" }
    expect: response.status == 201`,
	Delivery:   engine.Once, // of a method that may change something; see EffectDelivery
	Timeout:    30 * time.Second,
	NoDevice:   true,
	Expect:     "response.status >= 200 and response.status <= 299",
	ExpectText: "status 200 to 299",
	Unmet:      unmetHTTP,
}, runHTTP)

type httpParams struct {
	URL     engine.URLText    `yaml:"url" required:"true" doc:"Where to; http or https."`
	Method  string            `yaml:"method" oneof:"GET HEAD POST PUT PATCH DELETE" default:"GET" doc:"The method."`
	Headers map[string]string `yaml:"headers" headers:"true" doc:"Header fields."`
	Body    any               `yaml:"body" doc:"Text is sent as it is, anything else as JSON."`
}

type httpResult struct {
	Status  int            `json:"status" doc:"The status of the answer."`
	Headers map[string]any `json:"headers" doc:"Its header fields, names in lower case."`
	Body    any            `json:"body" doc:"JSON if the answer says it is JSON, else text."`
}

// EffectDelivery is Read for methods that change nothing.
func (p *httpParams) EffectDelivery() engine.Delivery {
	if p.Method == nethttp.MethodGet || p.Method == nethttp.MethodHead {
		return engine.Read
	}
	return engine.Once
}

// mostBody bounds what is read of an answer.
const mostBody = 1 << 20

func runHTTP(ctx context.Context, env Env, p httpParams) (httpResult, error) {
	var result httpResult
	err := env.Clock.Outside(ctx, env.Timeout, func(ctx context.Context) error {
		var sent atomic.Bool
		request, err := p.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteHeaders: func() { sent.Store(true) },
		}), env.Key)
		if err != nil {
			return &engine.Error{Kind: engine.KindInvalid, Message: err.Error()}
		}
		client := *env.HTTP
		client.CheckRedirect = redirect
		answer, err := client.Do(request)
		if err != nil {
			return p.failure(ctx, err, sent.Load())
		}
		defer answer.Body.Close()
		result, err = readAnswer(answer)
		if err != nil {
			return p.failure(ctx, err, true)
		}
		return nil
	})
	return result, err
}

func (p *httpParams) request(ctx context.Context, key string) (*nethttp.Request, error) {
	where, err := engine.ParseURL(string(p.URL))
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	body, isJSON, err := p.payload()
	if err != nil {
		return nil, err
	}
	request, err := nethttp.NewRequestWithContext(ctx, p.Method, where.String(), body)
	if err != nil {
		return nil, err
	}
	if isJSON {
		request.Header.Set("Content-Type", "application/json")
	}
	if p.EffectDelivery() == engine.Once {
		request.Header.Set("Idempotency-Key", key)
		request.GetBody = nil // the transport must not send it a second time on its own
	}
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		if err := engine.CheckHeader(name, p.Headers[name]); err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		request.Header.Set(name, p.Headers[name])
	}
	return request, nil
}

func (p *httpParams) payload() (body io.Reader, isJSON bool, err error) {
	switch content := p.Body.(type) {
	case nil:
		return nil, false, nil
	case string:
		return strings.NewReader(content), false, nil
	}
	text, err := json.Marshal(p.Body)
	return bytes.NewReader(text), true, err
}
