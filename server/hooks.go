package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/server/access"
	"github.com/twinbook/twinbook/server/library"
)

// hookHeaders are those that a run sees of the request that began it: what kind of event it is, and nothing that
// lets somebody in.
var hookHeaders = []string{
	"Content-Type", "User-Agent", "Webhook-Id", "Webhook-Timestamp",
	"X-Github-Delivery", "X-Github-Event", "X-Gitlab-Event", "X-Gitea-Event", "X-Event-Type",
}

// A Delivery is what became of a request to a webhook.
type Delivery struct {
	Hook     string // its id
	Workflow string
	By       string // who sent it; empty: nobody knows
	Refused  bool   // who sent it may not, and has had that for an answer
	Again    bool   // it came before, and the run was begun then
	Queued   bool   // the run waits for its turn
	Err      error  // why it began no run
}

// receiveHook begins the run of a webhook, with what was sent as run.trigger: 201, or 200 for what came before.
func (s *Server) receiveHook(c *call) error {
	body, err := c.read(valuesBody)
	if err != nil { // nobody knows yet who sends it
		return err
	}
	d := Delivery{Hook: c.PathValue("hook")}
	entry, hook, err := s.hook(d.Hook)
	if err != nil {
		return err
	}
	d.Workflow, c.detail = entry.Name, entry.Name
	d.Err = s.deliver(c, entry.Program, hook, body, &d)
	d.By = c.by
	s.Delivered(d)
	return d.Err
}

// deliver begins the run, if who asks may have that, and notes in d what comes of it.
func (s *Server) deliver(c *call, p *engine.Program, hook *engine.Trigger, body []byte, d *Delivery) error {
	key, err := s.admitHook(c, hook, body, d)
	if err != nil || d.Refused {
		return err
	}
	payload, err := c.payload(body)
	if err != nil {
		return err
	}
	trigger := map[string]any{"kind": "webhook", "id": d.Hook, "payload": payload, "headers": c.fewHeaders()}
	inputs, err := p.TriggerInputs(hook, trigger, nil, s.Clock.Now())
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "invalid-inputs", "The inputs of the webhook cannot be made of this", err.Error())
	}
	w := Wish{Workflow: d.Workflow, Inputs: inputs, Trigger: trigger, By: c.by}
	mark, err := s.mark("webhook "+d.Hook, key, payload)
	if err != nil {
		return err
	}
	if mark != nil {
		w.Marks = []journal.Mark{*mark}
	}
	h, before := s.Starter.Start(c.Context(), w)
	if err := s.began(c, h, before, mark); err != nil {
		return err
	}
	d.Again, d.Queued = before != nil, before == nil && h.Queued()
	return nil
}

// hook finds the webhook of an id, and its workflow.
func (s *Server) hook(id string) (entry library.Entry, hook *engine.Trigger, err error) {
	for _, e := range s.Starter.Library.Workflows() {
		for _, t := range e.Program.Workflow.Triggers {
			switch {
			case t.Webhook == nil || t.ID != id:
			case hook != nil:
				return entry, nil, problem(http.StatusConflict, "not-ready", "The webhook is there twice",
					fmt.Sprintf("the workflows %s and %s both have a webhook %s; give one of them another id", entry.Name, e.Name, id))
			default:
				entry, hook = e, t
			}
		}
	}
	if hook == nil {
		return entry, nil, plain(http.StatusNotFound, "there is no such webhook on this server")
	}
	return entry, hook, nil
}

// admitHook finds out who sends a webhook, and the key that names the request; empty: it has none. Who is refused with
// no error has had the answer already.
func (s *Server) admitHook(c *call, hook *engine.Trigger, body []byte, d *Delivery) (key string, err error) {
	if hook.Webhook.Secret == "" {
		return s.admitToken(c, d)
	}
	secret, err := s.Starter.World.Secret(hook.Webhook.Secret)
	if err != nil {
		return "", &NotReadyError{Workflow: "webhook " + d.Hook, Err: err}
	}
	if key, err = access.VerifyWebhook(c.Request, body, secret, s.Clock.Now()); err != nil {
		d.Refused = true
		s.Gate.Refuse(c.w, c.Request, err)
		return "", nil
	}
	c.by = "webhook " + d.Hook
	return key, nil
}

// admitToken is for a webhook without a secret of its own: it takes a token of the server.
func (s *Server) admitToken(c *call, d *Delivery) (key string, err error) {
	who, err := s.Gate.Identify(c.Request)
	if err != nil {
		d.Refused = true
		s.Gate.Refuse(c.w, c.Request, err)
		return "", nil
	}
	c.who, c.by = who, who.String()
	if !who.May(access.Operator) {
		d.Refused = true
		return "", plain(http.StatusForbidden, c.by+" may not do this: it takes the role "+access.Operator)
	}
	return c.idempotencyKey()
}

// payload is what a webhook brings: JSON, or null where it brings nothing.
func (c *call) payload(body []byte) (payload any, err error) {
	if len(body) == 0 {
		return nil, nil
	}
	if kind := c.mediaType(); kind != "" && !isJSON(kind) {
		c.w.Header().Set("Accept", "application/json")
		return nil, plain(http.StatusUnsupportedMediaType, "the body is to be JSON: set the webhook's content type to application/json")
	}
	if _, err := checkJSON(body); err != nil {
		return nil, err
	}
	return payload, typed(json.Unmarshal(body, &payload))
}

func (c *call) fewHeaders() map[string]any {
	few := map[string]any{}
	for _, name := range hookHeaders {
		if value := c.Header.Get(name); value != "" && len(value) <= 256 {
			few[strings.ToLower(name)] = value
		}
	}
	return few
}
