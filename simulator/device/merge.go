package device

import "maps"

// merge is what becomes of an object by a patch (RFC 7396): objects merge, null deletes, all else
// replaces. Neither is changed; what the result has in common with them it shares, so that a
// hundred thousand devices which report their profile's properties hold one map.
func merge(old, patch map[string]any) map[string]any {
	if len(old) == 0 && !deletes(patch) {
		return patch
	}
	merged := make(map[string]any, len(old)+len(patch))
	maps.Copy(merged, old)
	for key, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(merged, key)
		case map[string]any:
			inner, _ := merged[key].(map[string]any)
			merged[key] = merge(inner, value)
		default:
			merged[key] = value
		}
	}
	return merged
}

// deletes says whether a patch holds a null at any depth of objects.
func deletes(patch map[string]any) bool {
	for _, value := range patch {
		inner, _ := value.(map[string]any)
		if value == nil || deletes(inner) {
			return true
		}
	}
	return false
}

// missing is the part of want that have lacks: a patch that adds and overwrites nothing.
func missing(have, want map[string]any) map[string]any {
	if len(have) == 0 {
		return want
	}
	lacks := map[string]any{}
	for key, value := range want {
		old, has := have[key]
		wanted, isObject := value.(map[string]any)
		inner, wasObject := old.(map[string]any)
		switch {
		case !has:
			lacks[key] = value
		case isObject && wasObject:
			if part := missing(inner, wanted); len(part) > 0 {
				lacks[key] = part
			}
		}
	}
	return lacks
}
