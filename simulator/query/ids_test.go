package query

import (
	"strings"
	"testing"
)

func TestDeviceIDs(t *testing.T) {
	for condition, want := range map[string]string{
		"deviceId = 'a'":                                        "a",
		"'a' = DEVICEID":                                        "a",
		"devices.deviceId IN ['b', 'a', 'b']":                   "b a",
		"tags.x = 1 AND deviceId = 'a'":                         "a",
		"tags.x = 1 AND (deviceId = 'a' AND NOT tags.y = 1)":    "a",
		"deviceId IN ['a', 'b', 'c'] AND deviceId IN ['c','b']": "b c",
		"deviceId = 'a' AND deviceId = 'b'":                     "",
		"deviceId = 'a' OR deviceId IN ['b', 'a']":              "a b",
		"(deviceId = 'a' AND tags.x = 1) OR deviceId = 'b'":     "a b",
		"deviceId = 5":                                          "",
		"deviceId IN [null, 1, 'a']":                            "a",

		"*":                            "any",
		"tags.x = 1":                   "any",
		"deviceId.x = 'a'":             "any",
		"tags.deviceId = 'a'":          "any",
		"deviceId != 'a'":              "any",
		"deviceId >= 'a'":              "any",
		"deviceId NIN ['a']":           "any",
		"NOT deviceId = 'a'":           "any",
		"deviceId = 'a' OR tags.x = 1": "any",
		"deviceId = tags.x":            "any",
		"STARTSWITH(deviceId, 'a')":    "any",
		"(deviceId = 'a') = true":      "any",
		"deviceId + 1 IN ['a']":        "any",
	} {
		q, err := ParseCondition(condition, Options{})
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		ids, ok := q.DeviceIDs()
		got := strings.Join(ids, " ")
		if !ok {
			got = "any"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", condition, got, want)
		}
	}
}
