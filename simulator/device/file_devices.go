package device

import (
	"fmt"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/simulator/wire"
)

// devices adds the devices of an entry, which has a number.
func (l *loader) devices(fleet *Fleet, number int, entry *engine.Decoded) {
	spec := Spec{Entry: number, Profile: l.profileOf(entry), Tags: l.properties(entry.Get("tags")), Desired: l.properties(entry.Get("desired"))}
	known := len(l.file.Problems())
	id := entry.Get("id").CompileValue(map[string]expr.Type{"index": {Kind: expr.Number}})
	if id == nil || len(l.file.Problems()) > known {
		return
	}
	count := countOf(entry)
	for index := range count {
		if spec.ID = l.id(entry, id, index, count); spec.ID == "" {
			return
		}
		fleet.Devices = append(fleet.Devices, spec)
	}
}

func countOf(entry *engine.Decoded) int { return int(entry.Get("count").Number(1)) }

// tooMany says whether there are more devices than a simulator has, before any is made.
func tooMany(entries []*engine.Decoded) bool {
	total := 0
	for _, entry := range entries {
		if total += countOf(entry); total > maxDevices {
			entry.Problem("too-many-devices", "", fmt.Sprintf("with this entry there are %d devices; a simulator has at most %d", total, maxDevices))
			return true
		}
	}
	return false
}

func (l *loader) profileOf(entry *engine.Decoded) *Profile {
	name := entry.Get("profile")
	p := l.profiles[name.Text()]
	if p == nil && name != nil {
		name.Problem("unknown-profile", engine.Meant(name.Text(), l.names), fmt.Sprintf("there is no profile %q", name.Text()))
	}
	return p
}

// id is the id of one device of an entry, empty if it cannot be; one problem an entry is enough.
func (l *loader) id(entry *engine.Decoded, template *engine.Value, index, count int) string {
	at := entry.Get("id")
	value, err := template.Eval(expr.Env{Names: map[string]any{"index": float64(index)}})
	if err != nil {
		at.Problem("bad-device-id", "", err.Error())
		return ""
	}
	id, _ := value.(string)
	if number, ok := value.(float64); ok {
		id = expr.Show(number)
	}
	if !wire.ValidID(id) {
		at.Problem("bad-device-id", "letters, digits and - . + % _ # * ? ! ( ) , : = @ $ ' are allowed, 128 at most",
			fmt.Sprintf("%q cannot be a device's id", cut(id)))
		return ""
	}
	first, taken := l.ids[id]
	switch {
	case taken && first == at.Pos():
		at.Problem("doubled-device-id", "put ${{ index }} into it, which counts from 0", fmt.Sprintf("%d devices need different ids, and two of them would be %s", count, id))
		return ""
	case taken:
		at.Problem("doubled-device-id", "", fmt.Sprintf("the id %s is used in line %d already", id, first.Line))
		return ""
	}
	l.ids[id] = at.Pos()
	return id
}

func cut(text string) string {
	if utf8.RuneCountInString(text) > 140 {
		return string([]rune(text)[:140]) + "…"
	}
	return text
}
