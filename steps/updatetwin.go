package steps

import (
	"context"
	"reflect"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
)

var updateTwin = engine.Define(engine.Spec{
	Name:    "updateTwin",
	Summary: "change desired properties and tags of a device's twin",
	Doc: "The change is merged: objects merge, other values replace, a literal `null` deletes. " +
		"A null that an expression gives is an error, so that a typo never deletes a property.",
	Example: `
- updateTwin:
    desired: { telemetryInterval: 60, oldSetting: null }
    tags: { site: berlin }`,
	Delivery: engine.Repeatable,
	Timeout:  30 * time.Second,
}, runUpdateTwin)

type updateTwinParams struct {
	Module  string         `yaml:"module" doc:"The device's module whose twin to change."`
	Desired map[string]any `yaml:"desired" doc:"Merged into the desired properties."`
	Tags    map[string]any `yaml:"tags" doc:"Merged into the tags."`
	IfMatch string         `yaml:"ifMatch" doc:"The etag the twin must still have, else the step fails with kind conflict."`
}

func runUpdateTwin(ctx context.Context, env Env, p updateTwinParams) (twinResult, error) {
	if p.Desired == nil && p.Tags == nil {
		return twinResult{}, &engine.Error{Kind: engine.KindInvalid, Message: "updateTwin changes nothing; give it desired or tags"}
	}
	target := env.target(p.Module)
	twin, err := env.Hub.UpdateTwin(ctx, target, hub.Patch{Desired: p.Desired, Tags: p.Tags, IfMatch: p.IfMatch})
	if hub.KindOf(err) == hub.Conflict {
		// an attempt before a crash may have been ours: then the twin holds the patch already
		current, readErr := env.Hub.Twin(ctx, target)
		if readErr == nil && holds(current.Desired, p.Desired) && holds(current.Tags, p.Tags) {
			twin, err = current, nil
		}
	}
	if err != nil {
		return twinResult{}, err
	}
	return twinResult{Twin: TwinJSON(twin)}, nil
}

// holds says whether merging patch into section would change nothing.
func holds(section, patch map[string]any) bool {
	for name, want := range patch {
		have, there := section[name]
		switch want := want.(type) {
		case nil:
			if there {
				return false
			}
		case map[string]any:
			inner, isObject := have.(map[string]any)
			if !isObject || !holds(inner, want) {
				return false
			}
		default:
			if !reflect.DeepEqual(have, want) {
				return false
			}
		}
	}
	return true
}
