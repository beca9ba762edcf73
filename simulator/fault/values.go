package fault

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A value is a field of a Fault. Its text is empty where it says nothing.
type value interface {
	set(string) error
	text() string
	clear()
}

type (
	text      string
	length    time.Duration // above zero
	skew      time.Duration
	share     float64
	count     int // above zero
	number    int
	yes       bool
	refusal   Refusal
	occasions []On
)

// maxText is longer than any name that could be meant.
const maxText = 256

func (v *text) set(s string) error {
	if s == "" || len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("%.40q is no name: 1 to %d characters without blanks", s, maxText)
	}
	*v = text(s)
	return nil
}

func (v *length) set(s string) error {
	d, err := parseDuration(s)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%s is no time that passes; write one like 500ms, 60s, 5m or 1h30m", s)
	}
	*v = length(d)
	return err
}

func (v *skew) set(s string) error {
	d, err := parseDuration(s)
	if err == nil && d == 0 {
		err = errors.New("0s is no difference; write one like 10m or -10m")
	}
	*v = skew(d)
	return err
}

func (v *share) set(s string) error {
	digits, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(digits, 64)
	switch {
	case !percent && err == nil && f > 0 && f <= 1:
		return fmt.Errorf("%s has no percent sign; write %g%%", s, math.Round(f*1e8)/1e6)
	case !percent || err != nil || !shareText.MatchString(digits) || f <= 0 || f > 100:
		return fmt.Errorf("%.40q is no share; write one above 0%% and up to 100%%, such as 5%%", s)
	}
	*v = share(f / 100)
	return nil
}

var shareText = regexp.MustCompile(`^\d{1,3}(\.\d{1,6})?$`)

func (v *count) set(s string) error {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("%.40q is no count; write a whole number from 1", s)
	}
	*v = count(n)
	return nil
}

func (v *number) set(s string) error {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n == 0 {
		return fmt.Errorf("%.40q is no status; write a whole number such as 500", s)
	}
	*v = number(n)
	return nil
}

func (v *yes) set(s string) error {
	if s != "true" && s != "false" {
		return fmt.Errorf("%.40q is neither true nor false", s)
	}
	*v = s == "true"
	return nil
}

func (v *refusal) set(s string) error {
	if r := Refusal(s); r != Unavailable && r != Unauthorized {
		return fmt.Errorf("%.40q is no way to refuse; write %s or %s", s, Unavailable, Unauthorized)
	}
	*v = refusal(s)
	return nil
}

func (v *occasions) set(s string) error {
	var all occasions
	for word := range strings.SplitSeq(s, ",") {
		if !slices.Contains(occasionWords, word) {
			return fmt.Errorf("%.40q is nothing that a fault can be on; there are %s", word, words(occasionWords))
		}
		if !slices.Contains(all, On(word)) {
			all = append(all, On(word))
		}
	}
	*v = all
	return nil
}

func (v *text) text() string      { return string(*v) }
func (v *length) text() string    { return formatDuration(time.Duration(*v)) }
func (v *skew) text() string      { return formatDuration(time.Duration(*v)) }
func (v *count) text() string     { return (*number)(v).text() }
func (v *refusal) text() string   { return string(*v) }
func (v *occasions) text() string { return strings.ReplaceAll(words(*v), " ", ",") }

func (v *share) text() string {
	if *v == 0 {
		return ""
	}
	return strconv.FormatFloat(math.Round(float64(*v)*1e8)/1e6, 'f', -1, 64) + "%"
}

func (v *number) text() string {
	if *v == 0 {
		return ""
	}
	return strconv.Itoa(int(*v))
}

func (v *yes) text() string {
	if !*v {
		return ""
	}
	return "true"
}

func (v *text) clear()      { *v = "" }
func (v *length) clear()    { *v = 0 }
func (v *skew) clear()      { *v = 0 }
func (v *share) clear()     { *v = 0 }
func (v *count) clear()     { *v = 0 }
func (v *number) clear()    { *v = 0 }
func (v *yes) clear()       { *v = false }
func (v *refusal) clear()   { *v = "" }
func (v *occasions) clear() { *v = nil }
