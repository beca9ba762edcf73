package device

import (
	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
)

// telemetryShape is a kind of message, or a list of them.
func telemetryShape() *engine.Shape {
	least, most := 0.01, 365*24*3600.0 // seconds
	beat := &engine.Shape{What: "a mapping with every and body", Keys: []engine.Key{
		{Name: "every", Required: true, Doc: "The time from one message to the next, 10ms at least. The first comes within one interval, at a moment that chance gives each device.", Shape: &engine.Shape{Kind: engine.KindDuration, Literal: true, Min: &least, Max: &most}},
		{Name: "body", Doc: "Text is sent as it is, anything else as JSON; without it the message is empty.", Shape: &engine.Shape{Kind: engine.KindAny}},
		{Name: "properties", Doc: "Properties beside the body.", Shape: &engine.Shape{Kind: engine.KindTextMap}},
	}}
	return &engine.Shape{What: "a mapping with every and body, or a list of them", Either: []*engine.Shape{
		beat, {List: beat, NotEmpty: true},
	}}
}

// telemetry compiles what devices of a profile send of themselves.
func (l *loader) telemetry(d *engine.Decoded) []beat {
	entries := d.Items()
	if d.Has("every") {
		entries = []*engine.Decoded{d}
	}
	var beats []beat
	for _, entry := range entries {
		names := deviceNames()
		b := beat{body: entry.Get("body").CompileValue(names), properties: entry.Get("properties").CompileValue(names)}
		b.every, _ = expr.ParseDuration(entry.Get("every").Text()) // where it is none, the file has that problem already
		beats = append(beats, b)
	}
	return beats
}
