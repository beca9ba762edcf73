package azure

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinbook/twinbook/hub"
)

// maxTwin bounds a twin's answer. 72 KB of values are allowed; metadata and escapes come on top.
const maxTwin = 1 << 20

// Twin reads a twin. The hub answers with the state it has, not with one that lags as queries do.
func (c *Client) Twin(ctx context.Context, t hub.Target) (hub.Twin, error) {
	return c.twin(ctx, request{op: "read the twin", target: t, effect: read, verb: http.MethodGet})
}

// UpdateTwin merges a patch into a twin in one request. Its errors may say that the patch was sent
// and no answer came; the same patch can then be sent again.
func (c *Client) UpdateTwin(ctx context.Context, t hub.Target, p hub.Patch) (hub.Twin, error) {
	body := map[string]any{}
	if p.Tags != nil {
		body["tags"] = p.Tags
	}
	if p.Desired != nil {
		body["properties"] = map[string]any{"desired": p.Desired}
	}
	r := request{op: "change the twin", target: t, effect: repeatable, verb: http.MethodPatch, body: body}
	if p.IfMatch != "" {
		r.header = map[string]string{"If-Match": quoted(p.IfMatch)}
	}
	return c.twin(ctx, r)
}

func (c *Client) twin(ctx context.Context, r request) (hub.Twin, error) {
	path, err := twinPath(r.target)
	if err != nil {
		return hub.Twin{}, r.fail(hub.Invalid, false, err)
	}
	r.path, r.limit, r.maxBody = path, c.timeout, maxTwin
	a, err := c.do(ctx, r)
	if err != nil {
		return hub.Twin{}, err
	}
	var d twinDocument
	err = decode(a.body, &d)
	if err == nil {
		var t hub.Twin
		if t, err = d.twin(); err == nil {
			return t, nil
		}
	}
	return hub.Twin{}, r.fail(r.garbled(), true, err)
}

// quoted is an etag as If-Match wants it; hubs have ignored unquoted ones.
func quoted(etag string) string { return `"` + strings.Trim(etag, `"`) + `"` }
