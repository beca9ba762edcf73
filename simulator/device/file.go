package device

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
)

// Bounds of a simulator file.
const (
	maxDevices = 1_000_000
	mostMQTT   = 100 // devices that are on MQTT unless the file says otherwise
)

// FileShape is what may stand in a simulator file; the JSON Schema follows it, too.
func FileShape() *engine.Shape {
	return &engine.Shape{Leading: "simulator", Doc: "A simulated hub and its devices.", Keys: []engine.Key{
		engine.Version(),
		{Name: "simulator", Required: true, Doc: "Its name.", Shape: engine.Text("")},
		{Name: "description", Doc: "What it is for, for people.", Shape: engine.Text("")},
		{Name: "devices", Required: true, Doc: "The devices of the hub.", Shape: &engine.Shape{What: "a list of devices", List: deviceShape(), NotEmpty: true}},
		{Name: "transport", Doc: fmt.Sprintf("How devices reach the hub: mqtt over a socket, attached without one. Up to %d devices are on mqtt unless it is given.", mostMQTT),
			Shape: engine.OneOf("", string(MQTT), string(Attached))},
		{Name: "faults", Doc: "What goes wrong once all devices are connected.", Shape: faultsShape()},
		{Name: "profiles", Required: true, Doc: "What devices are like, by name.", Shape: &engine.Shape{Map: profileShape(), Names: "profile", AnyName: true}},
	}}
}

func deviceShape() *engine.Shape {
	least, most := 1.0, float64(maxDevices)
	return &engine.Shape{What: "a device", Keys: []engine.Key{
		{Name: "id", Required: true, Doc: "Its id; with `count`, ${{ index }} or ${{ padLeft(index, 5) }} in it counts from 0.", Shape: &engine.Shape{Kind: engine.KindText}},
		{Name: "count", Doc: "How many devices this entry stands for; 1 unless given.", Shape: &engine.Shape{Kind: engine.KindInt, Literal: true, Min: &least, Max: &most}},
		{Name: "profile", Required: true, Doc: "The name of its profile.", Shape: engine.Text("")},
		{Name: "tags", Doc: "The tags of its twin.", Shape: objectShape()},
		{Name: "desired", Doc: "The desired properties of its twin at the start.", Shape: objectShape()},
	}}
}

func objectShape() *engine.Shape { return &engine.Shape{Kind: engine.KindObject, Literal: true} }

func profileShape() *engine.Shape {
	return &engine.Shape{What: "a profile", Keys: []engine.Key{
		{Name: "reported", Doc: "Properties that the device reports when it starts, where its twin lacks them.", Shape: objectShape()},
		{Name: "methods", Doc: "The direct methods it has, by name, and what it does then.", Shape: &engine.Shape{Map: stepsShape(true), Names: "method", AnyName: true}},
		{Name: "onDesired", Doc: "What it does when its desired properties have changed.", Shape: stepsShape(false)},
		{Name: "onMessage", Doc: "What it does with a message from the cloud.", Shape: stepsShape(false)},
		{Name: "telemetry", Doc: "What it sends of itself while it is connected.", Shape: telemetryShape()},
		{Name: "faults", Doc: "What goes wrong with its devices.", Shape: profileFaultsShape()},
	}}
}

// stepsShape is a list of steps; only a method has somebody to respond to. Their device and hub are given.
func stepsShape(method bool) *engine.Shape {
	types := Actions().Types
	name := "methodSteps"
	if !method {
		types, name = eventTypes(), "eventSteps"
	}
	steps := engine.StepsShape(types, flow...)
	steps.Name, steps.List.Name = name, strings.TrimSuffix(name, "s")
	steps.List.Keys = slices.DeleteFunc(steps.List.Keys, func(k engine.Key) bool { return k.Name == "device" || k.Name == "hub" })
	return steps
}

// eventTypes are the actions of onDesired and onMessage.
func eventTypes() *engine.Types {
	all := Actions().Types.All()
	return engine.NewTypes(slices.DeleteFunc(slices.Clone(all), func(t *engine.StepType) bool { return t.Name == respond.Type.Name })...)
}

// Load reads and checks a simulator file. Either the fleet or the problems are nil.
func Load(file string, source []byte) (*Fleet, engine.Problems) {
	f := engine.Open(file, source)
	d := f.Decode(FileShape())
	l := &loader{file: f, profiles: map[string]*Profile{}, ids: map[string]engine.Pos{}}
	fleet := l.fleet(d)
	if problems := f.Problems(); len(problems) > 0 {
		return nil, problems
	}
	return fleet, nil
}

// A loader makes a fleet of a decoded file, and notes what the file's shape cannot say.
type loader struct {
	file     *engine.File
	profiles map[string]*Profile
	names    []string // of profiles, in order
	ids      map[string]engine.Pos
}

func (l *loader) fleet(d *engine.Decoded) *Fleet {
	for _, p := range d.Get("profiles").Entries() {
		l.names = append(l.names, p.Name)
		l.profiles[p.Name] = l.profile(p.Name, p.Value)
	}
	fleet := &Fleet{Name: d.Get("simulator").Text(), Transport: Transport(d.Get("transport").Text())}
	if entries := d.Get("devices").Items(); !tooMany(entries) {
		for i, entry := range entries {
			l.devices(fleet, i, entry)
		}
	}
	l.faults(fleet, d)
	fleet.profiles = l.names
	if fleet.Transport == "" {
		fleet.Transport = MQTT
		if len(fleet.Devices) > mostMQTT {
			fleet.Transport = Attached
		}
	}
	return fleet
}
