package fault

import (
	"regexp"
	"slices"
	"time"
)

var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Bounds that keep a hub busy with its devices and not with their faults.
const (
	leastEvery   = 100 * time.Millisecond
	longestLater = time.Hour // Retry-After
)

// Validate says what is wrong with f, and what to write; the error is a *Mistake.
func (f Fault) Validate() error {
	found := f.kinds()
	switch {
	case len(found) == 0:
		return mistake("", "it does not say what goes wrong; add one of %s", kindWords(kinds))
	case len(found) > 1:
		return mistake(found[1].key, "one fault is one thing that goes wrong; make another one for %s beside %s", found[1].key, found[0].key)
	}
	for _, check := range []func(kind) error{f.checkValues, f.checkWho, f.checkWhen, f.checkHow} {
		if err := check(found[0]); err != nil {
			return err
		}
	}
	return nil
}

func kindWords(list []kind) string {
	names := make([]string, len(list))
	for i, k := range list {
		names[i] = k.key
	}
	return words(names)
}

// checkValues reads what was set from Go as if it had been written.
func (f *Fault) checkValues(kind) error {
	for _, k := range keys {
		if text := k.at(f).text(); text != "" {
			var again Fault
			if err := again.Set(k.Name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Fault) checkWho(k kind) error {
	switch {
	case f.ID != "" && !idForm.MatchString(f.ID):
		return mistake("id", "%.40q is no id of a fault: 1 to 64 letters, digits and . _ -", f.ID)
	case f.Device != "" && f.Profile != "":
		return mistake("profile", "give either device or profile")
	case f.Method != "" && !k.method:
		return mistake("method", "%s is not about methods; leave method out", k.key)
	case len(f.On) > 0 && len(k.on) == 0:
		return mistake("on", "%s is on nothing in particular; leave on out", k.key)
	}
	for _, o := range f.On {
		if !slices.Contains(k.on, o) {
			return mistake("on", "%s cannot be on %s, but on %s", k.key, o, words(k.on))
		}
		if f.Method != "" && o != Calls && o != Answers {
			return mistake("on", "with method, it can be on calls and answers only")
		}
	}
	return nil
}

func (f *Fault) checkWhen(k kind) error {
	switch {
	case f.Chance > 0 && k.isChance:
		return mistake("chance", "%s says its chance already; leave chance out", k.key)
	case k.lasting && f.Count+f.After > 0:
		key := "count"
		if f.Count == 0 {
			key = "after"
		}
		return mistake(key, "%s is no event that could be counted; say when with from, until or for", k.key)
	case f.For > 0 && f.Until > 0:
		return mistake("for", "give either until or for")
	case f.Until > 0 && f.Until <= f.From:
		return mistake("until", "it ends at %s, before it begins at %s", formatDuration(f.Until), formatDuration(f.From))
	}
	return nil
}

func (f *Fault) checkHow(k kind) error {
	switch {
	case f.Jitter > 0 && k.key != "latency" && k.key != "disconnectEvery":
		return mistake("jitter", "it belongs to latency and disconnectEvery; leave jitter out")
	case f.Jitter > max(f.Latency, f.DisconnectEvery):
		return mistake("jitter", "it cannot be longer than %s, which is %s", k.key, formatDuration(max(f.Latency, f.DisconnectEvery)))
	case f.Status != 0 && k.key != "methodFailure":
		return mistake("status", "it belongs to methodFailure; leave status out")
	case f.DisconnectEvery > 0 && f.DisconnectEvery < leastEvery:
		return mistake("disconnectEvery", "it must be %s at least", formatDuration(leastEvery))
	case f.Throttle > 0 && (f.Throttle%time.Second != 0 || f.Throttle > longestLater):
		return mistake("throttle", "Retry-After counts whole seconds; write 1s to %s", formatDuration(longestLater))
	}
	return nil
}
