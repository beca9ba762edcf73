package device

import (
	"slices"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/simulator/fault"
)

// A Fleet is a simulator file that passed all checks.
type Fleet struct {
	Name      string
	Transport Transport
	Devices   []Spec // in the order of the file

	// Faults are for whoever makes the hub, in the order of the file: those of the file, then those of its profiles, which
	// name the profile.
	Faults []fault.Fault

	profiles []string
}

// InProfile is the devices of a profile, if there is one of this name.
func (f *Fleet) InProfile(name string) (devices []string, known bool) {
	for _, d := range f.Devices {
		if d.Profile.Name == name {
			devices = append(devices, d.ID)
		}
	}
	return devices, slices.Contains(f.profiles, name)
}

// A Transport is how the devices of a fleet reach their hub.
type Transport string

const (
	MQTT     Transport = "mqtt"     // over a socket
	Attached Transport = "attached" // in the hub's process, without any bytes
)

// A Spec is one device of a fleet.
type Spec struct {
	ID      string
	Profile *Profile

	// Tags and Desired are for whoever makes the device in the hub. They are the same for all devices of one
	// entry of the file, so they must not be changed.
	Tags, Desired map[string]any
	Entry         int // of the file, from 0; devices of one entry differ in their ids only
}

// A Profile is what devices have in common: compiled once, shared by all who have it.
type Profile struct {
	Name     string
	Reported map[string]any // at the start; not to be changed

	methods   []*list // in the order of the file
	onDesired *list   // nil: it does nothing then
	onMessage *list   // nil: it does not even ask for messages
	beats     []beat  // in the order of the file
}

// A list is a list of steps, ready to be played.
type list struct {
	name    string // "method reboot", "onDesired"
	method  string
	program *engine.Program
}

// Methods are the names of the methods that devices of the profile have, in order.
func (p *Profile) Methods() []string {
	var names []string
	for _, m := range p.methods {
		names = append(names, m.method)
	}
	slices.Sort(names)
	return names
}

// method finds a method and its number; nil if there is none. A profile has few.
func (p *Profile) method(name string) (int, *list) {
	for i, m := range p.methods {
		if m.method == name {
			return i, m
		}
	}
	return 0, nil
}
