package fault

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	day     = 24 * time.Hour
	century = 36500 * day
)

// durationForm is how durations are written in twinbook's files, with a sign where it makes sense.
var durationForm = regexp.MustCompile(`^(-?)(?:(\d{1,5}(?:\.\d{1,6})?)d)?((?:\d{1,12}(?:\.\d{1,9})?(?:h|ms|m|s|us|ns))*)$`)

func parseDuration(s string) (time.Duration, error) {
	m := durationForm.FindStringSubmatch(s)
	if m == nil || m[2] == "" && m[3] == "" {
		return 0, fmt.Errorf("%.40q is no duration; write one like 500ms, 60s, 5m, 1h30m or 7d", s)
	}
	days, _ := strconv.ParseFloat("0"+m[2], 64)
	d := time.Duration(days * float64(day))
	if m[3] != "" {
		rest, err := time.ParseDuration(m[3])
		if err != nil || d+rest > century {
			return 0, fmt.Errorf("%.40q is longer than a fault can last", s)
		}
		d += rest
	}
	if m[1] != "" {
		d = -d
	}
	return d, nil
}

// formatDuration writes what parseDuration reads; nothing for 0.
func formatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + formatDuration(-d)
	}
	var b strings.Builder
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / unit.length; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
			d -= n * unit.length
		}
	}
	if d > 0 {
		b.WriteString(strings.Replace(d.String(), "µ", "u", 1))
	}
	return b.String()
}
