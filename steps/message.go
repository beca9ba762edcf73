package steps

import (
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
)

// messages is the hub as one that has messages; not every hub does.
func (e Env) messages() (hub.Messages, error) {
	m, ok := e.Hub.(hub.Messages)
	if !ok {
		return nil, &engine.Error{Kind: engine.KindInvalid, Message: fmt.Sprintf("the hub %s neither gives telemetry nor takes messages", e.HubName)}
	}
	return m, nil
}

// messageJSON is a message from a device as expressions see it.
func messageJSON(m hub.Telemetry) map[string]any {
	body, bodyType := expr.ReadBody(m.Body)
	object := map[string]any{
		"deviceId":   m.Device,
		"time":       m.Time.UTC().Format(expr.TimeLayout),
		"body":       body,
		"bodyType":   bodyType,
		"properties": textsJSON(m.Properties),
		"system":     textsJSON(m.System),
	}
	if m.Module != "" {
		object["moduleId"] = m.Module
	}
	return object
}

func textsJSON(texts map[string]string) map[string]any {
	object := make(map[string]any, len(texts))
	for name, text := range texts {
		object[name] = text
	}
	return object
}

// behind is the moment behind a message: the hub gives no two messages of a device the same time.
func behind(m hub.Telemetry) time.Time { return m.Time.Add(1) }
