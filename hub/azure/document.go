package azure

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twinbook/twinbook/hub"
)

// maxDepth is how deep an answer's JSON may nest: what devices answer to methods nests deeper than twins, which have 10
// levels, and stands a few levels deep in a job's outcome.
const maxDepth = 520

// decode reads JSON that came from outside into v.
func decode(body []byte, v any) error {
	if depth(body) > maxDepth {
		return fmt.Errorf("JSON nested more than %d deep", maxDepth)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("no JSON as expected: %s", clean(err.Error()))
	}
	return nil
}

// depth is how deep objects and lists nest in a JSON text, right or wrong.
func depth(text []byte) int {
	level, deepest, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			level++
			deepest = max(deepest, level)
		case b == '}' || b == ']':
			level--
		}
	}
	return deepest
}

// A twinDocument is a twin as the service's REST API gives it.
type twinDocument struct {
	DeviceID        string         `json:"deviceId"`
	ModuleID        string         `json:"moduleId"`
	ETag            string         `json:"etag"`
	Status          string         `json:"status"`
	ConnectionState string         `json:"connectionState"`
	Tags            map[string]any `json:"tags"`
	Properties      struct {
		Desired  map[string]any `json:"desired"`
		Reported map[string]any `json:"reported"`
	} `json:"properties"`
}

func (d twinDocument) twin() (hub.Twin, error) {
	if d.DeviceID == "" {
		return hub.Twin{}, errors.New("the answer is no twin: deviceId is missing")
	}
	desired, desiredMeta, desiredVersion := section(d.Properties.Desired)
	reported, reportedMeta, reportedVersion := section(d.Properties.Reported)
	return hub.Twin{
		Target:           hub.Target{Device: d.DeviceID, Module: d.ModuleID},
		ConnectionState:  d.ConnectionState,
		Status:           d.Status,
		ETag:             d.ETag,
		Tags:             object(d.Tags),
		Desired:          desired,
		Reported:         reported,
		DesiredVersion:   desiredVersion,
		ReportedVersion:  reportedVersion,
		DesiredMetadata:  desiredMeta,
		ReportedMetadata: reportedMeta,
	}, nil
}

// section takes a section's own values apart from what the hub writes between them.
func section(m map[string]any) (values, metadata map[string]any, version int64) {
	metadata, _ = m["$metadata"].(map[string]any)
	if v, ok := m["$version"].(float64); ok && v >= 0 && v < 1<<53 {
		version = int64(v)
	}
	delete(m, "$metadata")
	delete(m, "$version")
	return object(m), object(metadata), version
}

// object is m, never nil: a section without members is an empty object to a workflow.
func object(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
