package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/record"
)

// startRequest is the body of POST /runs.
type startRequest struct {
	Workflow string         `json:"workflow"`
	Inputs   map[string]any `json:"inputs"`
	Hub      string         `json:"hub"`
}

// startRun begins a run: 201 with its line, or 200 with that of the run that was begun with the same Idempotency-Key.
func (s *Server) startRun(c *call) error {
	var q startRequest
	if err := c.decode(valuesBody, &q); err != nil {
		return err
	}
	if q.Workflow == "" {
		return invalid(FieldError{Pointer: "#/workflow", Detail: "is required: the name of a workflow of this server"})
	}
	c.detail = shortened(q.Workflow)
	key, err := c.idempotencyKey()
	if err != nil {
		return err
	}
	mark, err := s.mark("api", key, q)
	if err != nil {
		return err
	}
	w := Wish{Workflow: q.Workflow, Hub: q.Hub, Inputs: q.Inputs, Trigger: s.trigger(c), By: c.by}
	if mark != nil {
		w.Marks = []journal.Mark{*mark}
	}
	h, err := s.Starter.Start(c.Context(), w)
	return s.began(c, h, err, mark)
}

// trigger is what a request becomes as run.trigger. The trace that it is a part of is kept there, so that the run's has a
// link to it.
func (s *Server) trigger(c *call) map[string]any {
	trigger := map[string]any{"kind": "api"}
	if s.Caller != nil {
		if caller := s.Caller(c.Header); caller != "" {
			trigger["traceparent"] = caller
		}
	}
	return trigger
}

// began answers with a run that has just been begun, as it was then, or, if mark was taken, with the one that it stands
// for.
func (s *Server) began(c *call, h *runner.Handle, err error, mark *journal.Mark) error {
	var taken *journal.TakenError
	switch {
	case err == nil:
		run, err := lineOfNew(h)
		if err != nil {
			return err
		}
		return s.begun(c, http.StatusCreated, run)
	case mark != nil && errors.As(err, &taken) && taken.Mark.Scope == mark.Scope && taken.Mark.Name == mark.Name:
		if taken.Mark.Note != mark.Note {
			return problem(http.StatusUnprocessableEntity, "key-reused", "The key was used for something else",
				"another request came with this key before; a new request takes a new one")
		}
	default:
		return err
	}
	run, err := s.Journal.Run(c.Context(), taken.Mark.Run)
	if errors.Is(err, journal.ErrNotFound) {
		p := problem(http.StatusConflict, "taken", "This was done before", "the run that was begun with this key has been removed since")
		p.Run = taken.Mark.Run
		return p
	} else if err != nil {
		return err
	}
	return s.begun(c, http.StatusOK, run)
}

// lineOfNew is the journal's line of a run that this process has just begun: to read it would take as long as to begin.
func lineOfNew(h *runner.Handle) (journal.Run, error) {
	run, err := journal.NewRun(journal.Beginning{Events: []engine.Event{*h.Begun()}})
	run.Driver, run.Standing = "this process", journal.Standing{Queued: h.Queued(), Parked: h.Queued()}
	return run, err
}

func (s *Server) begun(c *call, status int, run journal.Run) error {
	c.target = run.ID
	c.w.Header().Set("Location", "/api/v1/runs/"+url.PathEscape(run.ID))
	if s.Trace != nil {
		c.w.Header().Set("Traceparent", s.Trace(run.ID))
	}
	return c.json(status, record.List(run))
}

// keepKeys is how long a request that comes again is known by its key.
const keepKeys = 24 * time.Hour

// longestKey bounds Idempotency-Key.
const longestKey = 255

// idempotencyKey is what a request calls itself with Idempotency-Key, and who sends it, whose own the key is; empty: nothing.
func (c *call) idempotencyKey() (string, error) {
	keys := c.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	key, wrong := keys[0], ""
	switch {
	case len(keys) > 1:
		wrong = "it stands there more than once"
	case key == "" || len(key) > longestKey:
		wrong = fmt.Sprintf("it has 1 to %d characters", longestKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		wrong = "it is of visible ASCII characters, without spaces"
	}
	if wrong != "" {
		p := plain(http.StatusBadRequest, "Idempotency-Key: "+wrong)
		p.Errors = []FieldError{{Header: "Idempotency-Key", Detail: wrong}}
		return "", p
	}
	return key + " " + c.by, nil
}

// mark is what stands for a request that is known by a key; nil: it has none. Its note tells the same request from another one.
func (s *Server) mark(scope, key string, request any) (*journal.Mark, error) {
	if key == "" {
		return nil, nil
	}
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	sum, now := sha256.Sum256(text), s.Clock.Now()
	return &journal.Mark{Scope: scope, Name: key, Time: now, Until: now.Add(keepKeys), Note: "sha256:" + hex.EncodeToString(sum[:])}, nil
}
