package engine

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/twinbook/twinbook/engine/cron"
	"github.com/twinbook/twinbook/engine/expr"
)

var (
	zoneBefore = regexp.MustCompile(`^(?:CRON_)?TZ=(\S+)\s+(.*)$`)
	dayTime    = regexp.MustCompile(`^([01]?\d|2[0-3]):([0-5]\d)$`)
)

// cron holds the text of a schedule's times against what they can be.
func (b *builder) cron(d *Decoded) {
	text := strings.TrimSpace(d.Text())
	if text == "" || b.file.full() {
		return
	}
	_, err := cron.Parse(text)
	var wrong *cron.Error
	if !errors.As(err, &wrong) {
		return
	}
	hint := wrong.Instead
	if near := cronMeant(text); near != "" {
		hint = "write: " + near
	}
	d.Problem("bad-cron", hint, "this is no time for a schedule: "+wrong.Fault)
}

// cronMeant is what was probably meant by a text that is no time for a schedule, as it is to stand in the file.
func cronMeant(text string) string {
	if m := zoneBefore.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf(`cron: "%s" and timezone: %s`, m[2], m[1])
	}
	if m := dayTime.FindStringSubmatch(text); m != nil {
		hour, _ := strconv.Atoi(m[1])
		minute, _ := strconv.Atoi(m[2])
		return fmt.Sprintf(`cron: "%d %d * * *"`, minute, hour)
	}
	lower := strings.ToLower(text)
	length := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(lower, "@"), "every"))
	for _, meant := range []string{lower, "@" + lower, "@every " + length} {
		if _, err := cron.Parse(meant); err == nil {
			return fmt.Sprintf(`cron: "%s"`, meant)
		}
	}
	return ""
}

// zone holds the name of a time zone against those that there are. Where files do not tell capitals from small
// letters, the machine would take what others do not know.
func (b *builder) zone(d *Decoded) {
	name := strings.TrimSpace(d.Text())
	if b.zones[name] || b.file.full() {
		return
	}
	all := zones()
	known := zoneNamed(name, all)
	if _, err := cron.Zone(name); err == nil && (known == name || !strings.EqualFold(known, name)) {
		b.zones[name] = true
		return
	}
	hint := "write a name such as Europe/Berlin, or UTC"
	if near := cmp.Or(known, nearest(name, all)); near != "" {
		hint = "did you mean " + near + "?"
	}
	d.Problem("unknown-zone", hint, fmt.Sprintf("there is no time zone %q", expr.Shorten(name, 40)))
}
