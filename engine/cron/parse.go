package cron

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/twinbook/twinbook/engine/expr"
)

// A Spec is the times of a schedule. It does not change.
type Spec struct {
	text  string
	every time.Duration // of @every; zero: the fields below say when

	minute, hour, month   uint64 // bit n stands for n
	dayOfMonth, dayOfWeek uint64 // the same; Sunday is 0
	eitherDay             bool   // both restrict the days, and it is enough to meet one of them, as crontab(5) has it
}

// An Error says why a text is no Spec.
type Error struct {
	Text    string
	Fault   string // what is wrong with it
	Instead string // what to write
}

func (e *Error) Error() string {
	return fmt.Sprintf("%q is no time for a schedule: %s; %s", expr.Shorten(e.Text, 60), e.Fault, e.Instead)
}

// maxText is how long a text may be; lists of all minutes are far shorter.
const maxText = 500

// fiveFields is what most mistakes are answered with.
const fiveFields = `write minute, hour, day of month, month and day of week, such as "30 2 * * SUN", or a word such as @daily`

// Parse reads a schedule's times. The error is an *Error.
func Parse(text string) (*Spec, error) {
	fields := strings.Fields(text)
	if e := checkShape(text, fields); e != nil {
		return nil, e
	}
	s := &Spec{text: strings.Join(fields, " ")}
	read := s.readFields
	if fields[0][0] == '@' {
		read = s.readWord
	}
	if e := read(fields); e != nil {
		e.Text = text
		return nil, e
	}
	return s, nil
}

// checkShape refuses texts that are neither a word nor five fields.
func checkShape(text string, fields []string) *Error {
	switch {
	case len(text) > maxText:
		return &Error{text, fmt.Sprintf("it is longer than %d characters", maxText), "make several schedules of it"}
	case len(fields) == 0:
		return &Error{text, "it is empty", fiveFields}
	case strings.Contains(fields[0], "="):
		return &Error{text, "it begins with a zone", "write the zone as timezone: beside cron:"}
	case fields[0][0] == '@' || len(fields) == 5:
		return nil
	case len(fields) == 6:
		return &Error{text, "it has six fields, and there is none for seconds or years", fiveFields}
	}
	return &Error{text, fmt.Sprintf("it has %s instead of five", plural(len(fields), "field")), fiveFields}
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// String is the text that the spec was made of, with single spaces.
func (s *Spec) String() string { return s.text }

// readFields reads the five fields of a text.
func (s *Spec) readFields(fields []string) *Error {
	plain := make([]string, len(fields))
	for i, f := range fields {
		var e *Error
		if plain[i], e = fieldKinds[i].check(f); e != nil {
			return e
		}
	}
	if e := s.readPlain(plain); e != nil {
		return e
	}
	if s.never() {
		return fault("none of its months has such a day, so it would never run", "write a day that they have")
	}
	return nil
}

// readPlain has the library read what is free of all that it gets wrong.
func (s *Spec) readPlain(fields []string) (e *Error) {
	defer func() { // it has panicked at texts before
		if v := recover(); v != nil {
			e = fault(fmt.Sprint(v), fiveFields)
		}
	}()
	parsed, err := cron.ParseStandard(strings.Join(fields, " "))
	if err != nil {
		return fault(err.Error(), fiveFields)
	}
	const star = 1 << 63 // the library's note that a field is *
	p := parsed.(*cron.SpecSchedule)
	s.minute, s.hour, s.month = p.Minute&^star, p.Hour&^star, p.Month&^star
	s.dayOfMonth, s.dayOfWeek = p.Dom&^star, p.Dow&^star
	s.eitherDay = p.Dom&star == 0 && p.Dow&star == 0
	return nil
}

// words are the names of common times.
var words = []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}

// readWord reads a text that begins with @.
func (s *Spec) readWord(fields []string) *Error {
	switch word := fields[0]; {
	case word == "@every":
		return s.readEvery(fields[1:])
	case word == "@reboot":
		return fault("a schedule does not begin with a machine", "write a time, such as @daily")
	case !slices.Contains(words, word):
		return fault("there is no such word", "write one of "+strings.Join(words, " ")+", or @every with a duration")
	case len(fields) > 1:
		return fault(word+" stands alone", fiveFields)
	}
	return s.readPlain(fields)
}

// readEvery reads what follows @every.
func (s *Spec) readEvery(fields []string) *Error {
	const instead = "write a duration of whole seconds, such as @every 90s, @every 1h30m or @every 7d"
	if len(fields) != 1 {
		return fault("@every needs one duration, without spaces in it", instead)
	}
	d, err := expr.ParseDuration(fields[0])
	switch {
	case err != nil:
		return fault("the duration cannot be read", instead)
	case d < time.Second:
		return fault("it is shorter than a second", instead)
	case d%time.Second != 0:
		return fault("it has parts of a second", instead)
	}
	s.every = d
	return nil
}
