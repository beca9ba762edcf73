package expr

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

var durationText = regexp.MustCompile(`^(?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+$`)
var durationDays = regexp.MustCompile(`(\d+(?:\.\d+)?)d`)

// ParseDuration reads "500ms", "60s", "5m", "1h30m", "7d". There is no bare number and no sign.
func ParseDuration(text string) (time.Duration, error) {
	if !durationText.MatchString(text) {
		return 0, fmt.Errorf("%q is not a duration; write one like 500ms, 60s, 5m, 1h30m or 7d", Shorten(text, 40))
	}
	var days time.Duration
	rest := text
	if m := durationDays.FindStringSubmatch(text); m != nil {
		perDay, err := time.ParseDuration(m[1] + "h")
		if err != nil || perDay > (1<<63-1)/24 {
			return 0, fmt.Errorf("%q is longer than a duration can be", Shorten(text, 40))
		}
		days, rest = 24*perDay, strings.Replace(text, m[0], "", 1)
	}
	if rest == "" {
		return days, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d+days < days {
		return 0, fmt.Errorf("%q is not a duration; write one like 500ms, 60s, 5m, 1h30m or 7d", Shorten(text, 40))
	}
	return days + d, nil
}

// FormatDuration writes a duration as ParseDuration reads it: "7d", "1h30m", "1.5s".
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + FormatDuration(-d)
	}
	days := d / (24 * time.Hour)
	d -= days * 24 * time.Hour
	var b strings.Builder
	if days > 0 {
		fmt.Fprintf(&b, "%dd", days)
	}
	if d == 0 && days > 0 {
		return b.String()
	}
	text := d.Round(time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	b.WriteString(text)
	return b.String()
}
