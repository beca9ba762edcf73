package device

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/simulator/fault"
)

// faultsShape is a list of faults.
func faultsShape() *engine.Shape {
	one := &engine.Shape{Name: "fault", What: "a fault"}
	for _, k := range fault.Keys() {
		one.Keys = append(one.Keys, faultKey(k))
	}
	return &engine.Shape{What: "a list of faults", List: one}
}

// profileFaultsShape is the short form: all that goes wrong with devices of a profile, in one mapping.
func profileFaultsShape() *engine.Shape {
	short := &engine.Shape{What: "what goes wrong, such as latency: 50ms"}
	for _, k := range fault.Keys() {
		if k.IsKind() || k.Modifies() {
			short.Keys = append(short.Keys, faultKey(k))
		}
	}
	return short
}

func faultKey(k fault.Key) engine.Key {
	shape := &engine.Shape{Kind: engine.KindText, Literal: true}
	switch k.Form {
	case fault.Duration:
		shape.Kind = engine.KindDuration
	case fault.Count:
		least := 1.0
		shape.Kind, shape.Min = engine.KindInt, &least
	case fault.Number:
		shape.Kind = engine.KindInt
	case fault.Yes:
		shape.Kind = engine.KindBool
	case fault.Word:
		shape.OneOf = k.Words
	case fault.Wordlist:
		shape = &engine.Shape{What: "a list of words", List: engine.OneOf("", k.Words...), NotEmpty: true}
	}
	return engine.Key{Name: k.Name, Doc: k.Doc, Shape: shape}
}

// faults reads the faults of the file and of its profiles.
func (l *loader) faults(fleet *Fleet, d *engine.Decoded) {
	ids := map[string]bool{}
	for _, entry := range d.Get("faults").Items() {
		f, ok := l.fault(entry)
		if !ok || !valid(entry, f) {
			continue
		}
		l.checkWho(entry, f)
		if ids[f.ID] {
			entry.Get("id").Problem("bad-fault", "", fmt.Sprintf("there are two faults %s", f.ID))
		}
		ids[f.ID] = f.ID != ""
		fleet.Faults = append(fleet.Faults, f)
	}
	for _, p := range d.Get("profiles").Entries() {
		entry := p.Value.Get("faults")
		f, ok := l.fault(entry)
		if !ok {
			continue
		}
		f.Profile = p.Name
		for _, part := range f.Split() {
			if valid(entry, part) {
				fleet.Faults = append(fleet.Faults, part)
			}
		}
	}
}

// fault reads one mapping; ok is false if there is none, or something in it is wrong.
func (l *loader) fault(entry *engine.Decoded) (f fault.Fault, ok bool) {
	ok = entry != nil
	for _, e := range entry.Entries() {
		text := faultText(e.Value)
		if text == "" {
			ok = false // the file has that problem already
			continue
		}
		if err := f.Set(e.Name, text); err != nil {
			blame(entry, err)
			ok = false
		}
	}
	return f, ok
}

// faultText is a value as package fault reads it.
func faultText(d *engine.Decoded) string {
	if items := d.Items(); len(items) > 0 {
		words := make([]string, len(items))
		for i, item := range items {
			words[i] = item.Text()
		}
		return strings.Join(words, ",")
	}
	switch v := d.Constant().(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func valid(entry *engine.Decoded, f fault.Fault) bool {
	if err := f.Validate(); err != nil {
		blame(entry, err)
		return false
	}
	return true
}

// blame notes a mistake at its key.
func blame(entry *engine.Decoded, err error) {
	var m *fault.Mistake
	if !errors.As(err, &m) {
		m = &fault.Mistake{Says: err.Error()}
	}
	at := entry
	if key := entry.Get(m.Key); key != nil {
		at = key
	}
	says, hint, _ := strings.Cut(m.Says, "; ")
	at.Problem("bad-fault", hint, says)
}

// checkWho holds against the devices of the file whom a fault is for.
func (l *loader) checkWho(entry *engine.Decoded, f fault.Fault) {
	if f.Profile != "" && l.profiles[f.Profile] == nil {
		entry.Get("profile").Problem("unknown-profile", engine.Meant(f.Profile, l.names), fmt.Sprintf("there is no profile %q", f.Profile))
	}
	if _, known := l.ids[f.Device]; f.Device == "" || known || len(l.file.Problems()) > 0 { // ids may be missing for those
		return
	}
	ids := make([]string, 0, len(l.ids))
	for id := range l.ids {
		if f.Names(id) {
			return
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	entry.Get("device").Problem("unknown-device", engine.Meant(f.Device, ids[:min(len(ids), 1000)]), fmt.Sprintf("the file has no device %q", f.Device))
}
