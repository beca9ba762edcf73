package steps

import "github.com/twinbook/twinbook/hub"

// TwinJSON is a twin as expressions see it, also the condition of a trigger. The hub's times stand under "$metadata", where
// lastUpdated finds them.
func TwinJSON(t hub.Twin) map[string]any {
	object := map[string]any{
		"deviceId":        t.Device,
		"connectionState": t.ConnectionState,
		"status":          t.Status,
		"etag":            t.ETag,
		"tags":            orEmpty(t.Tags),
		"desired":         orEmpty(t.Desired),
		"reported":        orEmpty(t.Reported),
		"desiredVersion":  float64(t.DesiredVersion),
		"reportedVersion": float64(t.ReportedVersion),
		"$metadata": map[string]any{
			"desired":  orEmpty(t.DesiredMetadata),
			"reported": orEmpty(t.ReportedMetadata),
		},
	}
	if t.Module != "" {
		object["moduleId"] = t.Module
	}
	return object
}

// orEmpty keeps an empty section an object, so that its members are missing and not the section.
func orEmpty(section map[string]any) map[string]any {
	if section == nil {
		return map[string]any{}
	}
	return section
}
