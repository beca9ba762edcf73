package wire

import (
	"net/url"
	"strings"
)

// A Property is one entry of a message's property bag. System properties begin with "$.".
type Property struct {
	Key   string
	Value string
	Null  bool // the key stood without "="
}

// FormatBag prints properties as they stand in a topic. A space is %20: "+" is no space there.
func FormatBag(properties []Property) string {
	parts := make([]string, len(properties))
	for i, p := range properties {
		parts[i] = escape(p.Key)
		if !p.Null {
			parts[i] += "=" + escape(p.Value)
		}
	}
	return strings.Join(parts, "&")
}

// ParseBag reads the property bag at the end of a topic, with or without a leading "?". Empty parts, as in
// a=1&&b=2&, are none.
func ParseBag(s string) []Property {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "?"), "/")
	if s == "" {
		return nil
	}
	var properties []Property
	for part := range strings.SplitSeq(s, "&") {
		if part == "" {
			continue
		}
		key, value, valued := strings.Cut(part, "=")
		properties = append(properties, Property{Key: unescape(key), Value: unescape(value), Null: !valued})
	}
	return properties
}

func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
