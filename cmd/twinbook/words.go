package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
)

// elapsed is a duration as people say it: 614 ms, 2.3 s, 41 s, 3m 12s, 2h 05m.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(0, d.Milliseconds()))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
}

// seconds is elapsed for a number that counts up: whole seconds.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return elapsed(d)
}

// counted is a number of things: "1 device", "3 devices".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// orWords is "a, b or c".
func orWords(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// jsonLine is a value as JSON on one line.
func jsonLine(value any) string {
	text, err := record.Text(value, "")
	if err != nil {
		return fmt.Sprintf("%v", value)
	}
	return strings.TrimSuffix(text, "\n")
}

// valueText is a value as one line for people: text as it is, everything else as JSON.
func valueText(value any) string {
	text, ok := value.(string)
	if ok && text == clean(text) {
		return text
	}
	return clean(jsonLine(value))
}

// gave says in a few words what a step's action gave; empty where the step's end says it all.
func gave(s *engine.Step, value any) string {
	outputs, _ := value.(map[string]any)
	switch s.Action {
	case "invokeMethod":
		return joined(labelled("status", outputs["status"]), answer(outputs["payload"]))
	case "http":
		return labelled("status", outputs["status"])
	case "getTwin":
		twin, _ := outputs["twin"].(map[string]any)
		return labelled("", twin["connectionState"])
	case "queryDevices":
		if devices, ok := outputs["devices"].([]any); ok {
			return counted(len(devices), "device")
		}
	case "approve":
		return labelled("approved by", outputs["by"])
	case "waitForSignal":
		return joined(labelled("from", outputs["by"]), answer(outputs["payload"]))
	case "forEach":
		if results, ok := outputs["results"].([]any); ok { // none where stop ended the run inside it
			return items(results)
		}
	case "repeat":
		if n, ok := outputs["iterations"].(float64); ok {
			return counted(int(n), "time")
		}
	}
	return ""
}

func joined(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, " ")
}

func labelled(label string, value any) string {
	if value == nil {
		return ""
	}
	return joined(label, valueText(value))
}

func answer(payload any) string {
	if payload == nil {
		return ""
	}
	return clean(jsonLine(payload))
}

// items says how the items of a loop ended.
func items(results []any) string {
	ok := 0
	for _, r := range results {
		if record, _ := r.(map[string]any); record["outcome"] == string(engine.Succeeded) {
			ok++
		}
	}
	if ok == len(results) {
		return counted(ok, "item")
	}
	return fmt.Sprintf("%d of %s", ok, counted(len(results), "item"))
}

// cancelledText says of a step that was cancelled whether it may have done something all the same. A block has its error
// from the step inside it.
func cancelledText(s *engine.Step, e *engine.Error) string {
	if s.Do != nil && e != nil && e.Unsure() {
		return "cancelled under way, so it may have happened"
	}
	return "cancelled"
}

// itemLabel names an item of a loop: a text as it is, an object by its id, everything else by its place.
func itemLabel(item any, at engine.Address) string {
	switch item := item.(type) {
	case string:
		return clean(item)
	case float64, bool:
		return jsonLine(item)
	case map[string]any:
		for _, key := range []string{"deviceId", "id", "device", "name"} {
			if text, ok := item[key].(string); ok {
				return clean(text)
			}
		}
	}
	place := string(at)
	return place[strings.LastIndexByte(place, '[')+1 : len(place)-1]
}

// waitsFor says what a step under way waits for, until it says so itself.
func waitsFor(s *engine.Step, device string) string {
	switch s.Action {
	case "invokeMethod":
		return clean(device) + " has not answered yet"
	case "waitForTwin":
		return "the twin of " + clean(device) + " has not been read yet"
	case "http":
		return "the server has not answered yet"
	}
	return "the hub has not answered yet"
}
