package server

import (
	"net/http"
	"strings"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/record"
)

const (
	allDevices     = "SELECT * FROM devices"
	pageOfDevices  = 100
	mostDevices    = 1000
	devicesCursors = "devices"
)

// devicesPage is the answer to GET /devices: whole twins, or the rows that the query selects.
type devicesPage struct {
	Devices []any  `json:"devices"`
	Next    string `json:"next,omitempty"`
}

func (s *Server) listDevices(c *call) error {
	q, err := c.query("query", "hub", "limit", "cursor")
	if err != nil {
		return err
	}
	h, err := s.hub(c, q)
	if err != nil {
		return err
	}
	ask := hub.Query{Text: allDevices}
	if text, err := q.one("query"); err != nil {
		return err
	} else if text != "" {
		ask.Text = text
	}
	limit, err := q.number("limit", pageOfDevices, 1, mostDevices)
	if err != nil {
		return err
	}
	if ask.Continuation, err = q.cursor(devicesCursors); err != nil {
		return err
	}
	ask.PageSize = int(limit)
	page, err := h.Query(c.Context(), ask)
	if err != nil {
		return err
	}
	all := devicesPage{Devices: []any{}}
	for _, t := range page.Twins {
		all.Devices = append(all.Devices, twinJSON(t))
	}
	for _, row := range page.Rows {
		all.Devices = append(all.Devices, row)
	}
	if page.Continuation != "" {
		all.Next = cursor(devicesCursors, page.Continuation)
		c.next(all.Next)
	}
	return c.json(http.StatusOK, all)
}

// hub is the one that the query names, or else the configuration's default.
func (s *Server) hub(c *call, q query) (hub.Hub, error) {
	name, err := q.one("hub")
	if err != nil {
		return nil, err
	}
	h, _, err := s.Starter.World.Hub(c.Context(), name)
	return h, err
}

// device is the one that the path names, or a module of it, on the hub that the query names.
func (s *Server) device(c *call) (hub.Hub, hub.Target, error) {
	q, err := c.query("hub", "module")
	if err != nil {
		return nil, hub.Target{}, err
	}
	t := hub.Target{Device: c.PathValue("device")}
	if t.Module, err = q.one("module"); err != nil {
		return nil, t, err
	}
	h, err := s.hub(c, q)
	return h, t, err
}

func (s *Server) showTwin(c *call) error {
	h, target, err := s.device(c)
	if err != nil {
		return err
	}
	t, err := h.Twin(c.Context(), target)
	if err != nil {
		return err
	}
	return c.twin(t)
}

// twin answers with a twin, whose ETag says which version of its tags and desired properties this is. It does not
// change with what the device reports, so nobody is told that they have all of it already.
func (c *call) twin(t hub.Twin) error {
	if t.ETag != "" {
		c.w.Header().Set("ETag", `"`+strings.Trim(t.ETag, `"`)+`"`)
	}
	c.Header.Del("If-None-Match")
	return c.json(http.StatusOK, twinJSON(t))
}

// twinRequest is the body of PATCH /devices/{device}/twin, a merge patch: null deletes.
type twinRequest struct {
	Tags    map[string]any `json:"tags"`
	Desired map[string]any `json:"desired"`
}

// updateTwin changes a twin, with If-Match only while it has the version that the client knows.
func (s *Server) updateTwin(c *call) error {
	var q twinRequest
	if err := c.body(callBody, &q); err != nil {
		return err
	}
	if q.Tags == nil && q.Desired == nil {
		return invalid(FieldError{Pointer: "#", Detail: "tags or desired is required: what to change"})
	}
	patch := hub.Patch{Tags: q.Tags, Desired: q.Desired}
	switch list := tags(strings.Join(c.Header.Values("If-Match"), ",")); {
	case list[0] == "" || list[0] == "*":
	case len(list) > 1 || strings.HasPrefix(list[0], "W/") || len(list[0]) < 3 || list[0][0] != '"' || !strings.HasSuffix(list[0], `"`):
		return plain(http.StatusBadRequest, `If-Match: it is one ETag in quotes, as this server has given it, or *`)
	default:
		patch.IfMatch = strings.Trim(list[0], `"`)
	}
	h, target, err := s.device(c)
	if err != nil {
		return err
	}
	t, err := h.UpdateTwin(c.Context(), target, patch)
	if err != nil {
		return err
	}
	return c.twin(t)
}

// twinJSON is a twin with the names that expressions have for its parts; see docs/output.md.
func twinJSON(t hub.Twin) map[string]any {
	return map[string]any{
		"deviceId": t.Device, "connectionState": t.ConnectionState, "status": t.Status, "etag": t.ETag,
		"tags": record.Object(t.Tags), "desired": record.Object(t.Desired), "reported": record.Object(t.Reported),
		"desiredVersion": t.DesiredVersion, "reportedVersion": t.ReportedVersion,
	}
}
