package fault

import (
	"slices"
	"strings"
)

// A kind is what is known of one of the fields under "what".
type kind struct {
	key      string // as it is written
	on       []On   // what it may be on
	usual    []On   // what it is on unless told
	method   bool   // it may be of one method
	lasting  bool   // it is a state of the device and not something that happens: chance picks devices, and nothing is counted
	isChance bool   // its value is its chance
}

var (
	messages = slices.Concat(fromDevice, toDevice)
	kinds    = []kind{
		// each operation takes longer once: a call by its answer, a twin operation by its request
		{key: "latency", on: slices.Concat(messages, []On{Connects, REST}), usual: slices.Concat(fromDevice, []On{Desired, Messages}), method: true},
		{key: "loss", on: messages, usual: messages, method: true, isChance: true},
		{key: "duplicate", on: []On{Telemetry, Messages}, usual: []On{Telemetry, Messages}, isChance: true},
		{key: "refuse", on: []On{Connects, REST}, usual: []On{Connects}},
		{key: "disconnect", on: slices.Concat(messages, []On{Connects}), usual: []On{AtOnce}, method: true},
		{key: "disconnectEvery", usual: []On{Aged}},
		{key: "offline", usual: []On{AtOnce, Connects}, lasting: true},
		{key: "halfOpen", usual: []On{AtOnce, Connects}},
		{key: "bytesPerSecond", usual: messages, lasting: true},
		{key: "methodFailure", on: []On{Calls}, usual: []On{Calls}, method: true, isChance: true},
		{key: "throttle", on: []On{Twin, REST}, usual: []On{Twin, REST}},
		{key: "clockSkew", lasting: true},
		{key: "loseMethods", usual: []On{Resumed}},
	}
)

// kinds are all that f says goes wrong.
func (f *Fault) kinds() []kind {
	var found []kind
	for _, k := range kinds {
		if keyNamed(k.key).at(f).text() != "" {
			found = append(found, k)
		}
	}
	return found
}

// occasions are those on which f, which is of kind k, may strike.
func (f *Fault) occasions(k kind) []On {
	switch {
	case len(f.On) > 0:
		return f.On
	case f.Method == "":
		return k.usual
	case k.key == "latency":
		return []On{Answers}
	}
	return []On{Calls}
}

// Split makes a fault of each thing that goes wrong in f; Jitter and Status go where they belong.
func (f Fault) Split() []Fault {
	var parts []Fault
	for _, k := range f.kinds() {
		part := f
		for _, other := range kinds {
			if other.key != k.key {
				keyNamed(other.key).clear(&part)
			}
		}
		if k.key != "methodFailure" {
			part.Status = 0
		}
		if k.key != "latency" && (k.key != "disconnectEvery" || f.Latency > 0) {
			part.Jitter = 0
		}
		parts = append(parts, part)
	}
	return parts
}

// IsKind says whether a key says what goes wrong, and Modifies whether it belongs to such a key.
func (k Key) IsKind() bool {
	return slices.ContainsFunc(kinds, func(other kind) bool { return other.key == k.Name })
}

func (k Key) Modifies() bool { return k.Name == "jitter" || k.Name == "status" }

// words is a list for people.
func words[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, w := range list {
		texts[i] = string(w)
	}
	return strings.Join(texts, " ")
}
