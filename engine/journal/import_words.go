package journal

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/twinbook/twinbook/engine"
)

// anID is what an id may be in an import: what people can write in a command, in small letters as they are looked for.
var anID = regexp.MustCompile(`^[0-9a-z][0-9a-z._-]{0,63}$`)

// aKind is what the kind of an error may be. Those of later versions are let through.
var aKind = regexp.MustCompile(`^[a-zA-Z]{1,40}$`)

func checkID(id string) error {
	if !anID.MatchString(id) {
		return fmt.Errorf("%.80q is no id of a run", id)
	}
	return nil
}

// checkWords holds the words of an event that others rely on against what they may be.
func checkWords(e engine.Event) error {
	if e.Start != nil {
		for _, id := range []string{e.Start.RetryOf, e.Start.Parent} {
			if id == "" {
				continue
			}
			if err := checkID(id); err != nil {
				return err
			}
		}
	}
	failures := []*engine.Error{e.Error}
	if e.End != nil {
		if !slices.Contains([]engine.Status{engine.Succeeded, engine.Failed, engine.Cancelled}, e.End.Status) {
			return fmt.Errorf("no run ends as %.80q", e.End.Status)
		}
		failures = append(failures, e.End.Error)
	}
	for len(failures) > 0 {
		failure := failures[0]
		if failures = failures[1:]; failure == nil {
			continue
		}
		if !aKind.MatchString(string(failure.Kind)) {
			return fmt.Errorf("%.80q is no kind of error", failure.Kind)
		}
		failures = append(failures, failure.Also...)
	}
	return nil
}
