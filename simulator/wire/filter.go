package wire

import "strings"

// A filter is the topic filter of one feed.
type filter struct {
	feed Feeds
	text string
}

func filters(id Identity) []filter {
	all := []filter{
		{MethodFeed, methodPrefix + "#"},
		{TwinResponseFeed, twinResPrefix + "#"},
		{DesiredFeed, desiredPrefix + "#"},
		{DeviceboundFeed, base(id) + deviceboundPart + "#"},
	}
	if id.Module != "" {
		all = append(all, filter{InputFeed, base(id) + "inputs/#"}, filter{ModuleFeed, base(id) + "#"})
	}
	return all
}

// Filters are the topic filters of feeds, in a fixed order.
func Filters(id Identity, feeds Feeds) []string {
	id = id.spelled(feeds.Has(EscapedIDs))
	var texts []string
	for _, f := range filters(id) {
		if feeds&f.feed != 0 {
			texts = append(texts, f.text)
			feeds &^= f.feed
		}
	}
	return texts
}

// ParseFilter says which feed a topic filter stands for. There are no others, and no wildcards but
// the one at the end. The id may be percent-escaped.
func ParseFilter(id Identity, text string) (feed Feeds, ok bool) {
	for _, f := range filters(id) {
		if f.text == text {
			return f.feed, true
		}
	}
	if e := id.escaped(); e != id {
		for _, f := range filters(e) {
			if f.text == text {
				return f.feed | EscapedIDs, true
			}
		}
	}
	return 0, false
}

// ValidFilter says whether MQTT allows a filter of the kind that a hub knows: with one wildcard, the # at its end.
func ValidFilter(text string) bool {
	return !strings.ContainsAny(strings.TrimSuffix(text, "/#"), "#+\x00")
}
