package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

func timeFunctions() []function {
	return []function{
		{name: "now", clock: true, result: Time, run: func(ev *evaluation, _ []any) (any, error) { return ev.env.Now, nil }},
		{name: "time", params: []param{{"text", kinds(String, Number, Time)}}, result: Time,
			literal: func(_ int, text string) error { _, err := parseTime(text); return err }, run: toTime},
		{name: "duration", params: []param{textParam}, result: Duration,
			literal: func(_ int, text string) error { _, err := ParseDuration(text); return err }, run: toDuration},
		{name: "age", params: []param{timeParam}, clock: true, result: Duration, run: func(ev *evaluation, args []any) (any, error) {
			d, _, err := timeBetween(ev.env.Now, args[0].(time.Time))
			return d, err
		}},
		{name: "lastUpdated", params: []param{{"twin", kinds(Object)}, textNamed("path")}, result: Time,
			literal: checkTwinPath, run: lastUpdated},
	}
}

func toTime(_ *evaluation, args []any) (any, error) {
	switch value := args[0].(type) {
	case time.Time:
		return value, nil
	case string:
		t, err := parseTime(value)
		if err != nil {
			return nil, faultf("%v", err)
		}
		return t, nil
	}
	t, ok := unixTime(number(args[0]))
	if !ok {
		return nil, wrong(0, args[0], "%s is no number of seconds or milliseconds since 1970")
	}
	return t, nil
}

func toDuration(_ *evaluation, args []any) (any, error) {
	d, err := ParseDuration(args[0].(string))
	if err != nil {
		return nil, faultf("%v", err)
	}
	return d, nil
}

// unixTime reads seconds or, from the year 5138 on if they were seconds, milliseconds since 1970.
func unixTime(n float64) (time.Time, bool) {
	switch size := math.Abs(n); {
	case size < 1e11:
		whole, fraction := math.Modf(n)
		return time.Unix(int64(whole), int64(math.Round(fraction*1e9))).UTC(), true
	case size < 1e14:
		return time.UnixMicro(int64(n * 1000)).UTC(), true
	}
	return time.Time{}, false
}

// timeLayouts are the ways in which devices write a time, beside RFC 3339: with hours and minutes
// only, with the zone as +0100 or +01, without a zone (then it is UTC), as in HTTP and mail, as
// JavaScript's Date.toString, as C's ctime. A zone's name is only taken where it is UTC: CET says
// nothing certain.
var timeLayouts = []string{
	"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999Z07",
	"2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02",
	"Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:05 UTC", time.RFC1123Z,
	"Mon Jan 02 2006 15:04:05 GMT-0700", time.ANSIC, "Mon Jan _2 15:04:05 UTC 2006", "20060102T150405Z0700",
}

// parseTime reads a time as devices write it.
func parseTime(text string) (time.Time, error) {
	if len(text) > 100 {
		return time.Time{}, fmt.Errorf("%q is not a time", Shorten(text, 40))
	}
	plain := plainTime(strings.TrimSpace(text))
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, plain); err == nil {
			return t.UTC(), nil
		}
	}
	if n, err := strconv.ParseFloat(plain, 64); err == nil && strings.Trim(plain, "-.0123456789") == "" && len(plain) >= 9 {
		if t, ok := unixTime(n); ok {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time; write one like 2026-01-31T12:00:00Z", Shorten(text, 40))
}

// plainTime takes out what only differs in looks: "2026-01-31 12:00:00 +0100", "… UTC", "… (CET)".
func plainTime(text string) string {
	if at := strings.Index(text, " ("); at > 0 {
		text = text[:at]
	}
	if len(text) > 11 && text[4] == '-' && (text[10] == ' ' || text[10] == 't') {
		text = text[:10] + "T" + text[11:]
		if rest, ok := strings.CutSuffix(text, " UTC"); ok {
			text = rest
			if !strings.ContainsAny(rest[11:], "+-Z") {
				text += "Z"
			}
		}
		text = strings.Replace(text, " ", "", 1)
	}
	return text
}

// checkTwinPath is about the literal path of lastUpdated.
func checkTwinPath(index int, path string) error {
	if index != 1 {
		return nil
	}
	section, _, _ := strings.Cut(path, ".")
	if section != "reported" && section != "desired" {
		return fmt.Errorf("%q is no path in a twin's properties; begin it with reported or desired", Shorten(path, 60))
	}
	if strings.Contains(path, "..") || strings.HasSuffix(path, ".") {
		return fmt.Errorf("%q has an empty name in it", Shorten(path, 60))
	}
	return nil
}

// lastUpdated reads when the hub last saw a property change, from the twin's metadata; nil if never.
func lastUpdated(_ *evaluation, args []any) (any, error) {
	path := args[1].(string)
	if err := checkTwinPath(1, path); err != nil {
		return nil, faultf("%v", err)
	}
	metadata, ok := member(args[0], "$metadata").(map[string]any)
	if !ok {
		return nil, wrong(0, args[0], "lastUpdated needs a twin, not %s")
	}
	var at any = metadata
	for name := range strings.SplitSeq(path, ".") {
		at = member(at, name)
	}
	switch updated := member(at, "$lastUpdated").(type) {
	case time.Time:
		return updated, nil
	case string:
		t, err := parseTime(updated)
		if err != nil {
			return nil, faultf("the twin's metadata: %v", err)
		}
		return t, nil
	}
	return nil, nil
}
