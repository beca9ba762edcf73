package device_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/simulator/device"
)

// Each file of testdata/bad is shown to a user as the .want beside it says. UPDATE=1 rewrites those.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			fleet, problems := device.Load(filepath.Base(file), read(t, file))
			if fleet != nil || len(problems) == 0 {
				t.Fatal("it loads")
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".want"
			got := problems.Text()
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(read(t, golden)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestLoad(t *testing.T) {
	fleet := load(t, string(read(t, "../../workflows/simulator.yaml")))
	var ids []string
	for _, d := range fleet.Devices {
		ids = append(ids, fmt.Sprint(d.ID, " ", d.Profile.Name, " ", d.Tags["site"], " ", d.Profile.Methods()))
	}
	want := `myDevice rebootable berlin [rebootDevice]
tutorialDevice tutorial berlin [rebootDevice]
gateway-0 gateway munich [health restartService]
gateway-1 gateway munich [health restartService]
gateway-2 gateway munich [health restartService]`
	if got := strings.Join(ids, "\n"); got != want || fleet.Name != "desk" || fleet.Transport != device.MQTT {
		t.Errorf("%s over %s:\n%s\nwant\n%s", fleet.Name, fleet.Transport, got, want)
	}
}

func TestManyDevicesAreAttached(t *testing.T) {
	const file = `
version: 1
simulator: s
devices:
  - { id: "dev-${{ padLeft(index, 5) }}", count: %d, profile: p, desired: { a: 1 } }
profiles: { p: {} }
%s`
	for _, c := range []struct {
		count     int
		transport string
		want      device.Transport
	}{{100, "", device.MQTT}, {101, "", device.Attached}, {1, "transport: attached", device.Attached}, {200, "transport: mqtt", device.MQTT}} {
		fleet := load(t, fmt.Sprintf(file, c.count, c.transport))
		if fleet.Transport != c.want || len(fleet.Devices) != c.count {
			t.Errorf("%d devices, %q: %d over %s, want %s", c.count, c.transport, len(fleet.Devices), fleet.Transport, c.want)
		}
		last := fleet.Devices[c.count-1]
		if want := fmt.Sprintf("dev-%05d", c.count-1); last.ID != want || last.Desired["a"] != 1.0 {
			t.Errorf("last device %+v, want %s", last, want)
		}
	}
}

// Every action's example is a list of steps that a device can have.
func TestExamples(t *testing.T) {
	for _, action := range device.Actions().Types.All() {
		if action.Name == "set" {
			continue // its example is of a workflow with variables
		}
		example := strings.ReplaceAll(strings.TrimSpace(action.Example), "inputs.", "payload.")
		file := "version: 1\nsimulator: s\ndevices: [ { id: d, profile: p } ]\nprofiles:\n  p:\n    methods:\n      m:\n" +
			"        " + strings.ReplaceAll(example, "\n", "\n        ")
		if _, problems := device.Load(action.Name+".yaml", []byte(file)); problems != nil {
			t.Error(problems.Text())
		}
	}
}

// The JSON Schema takes what Load takes, and knows the shape of what it does not.
func TestSchema(t *testing.T) {
	text, err := json.Marshal(engine.Schema(device.FileShape(), "simulator"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("simulator.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("simulator.json")
	if err != nil {
		t.Fatal(err)
	}
	file := func(profile string) string {
		return `{"version":1,"simulator":"s","devices":[{"id":"d","profile":"p"}],"profiles":{"p":` + profile + `}}`
	}
	for profile, ok := range map[string]bool{
		`{"methods":{"m":[{"respond":{"status":200}},{"report":{"a":null}},{"sleep":"2s"},{"disconnect":{}},{"reconnect":{}}]}}`: true,
		`{"onDesired":[{"report":"${{ desired }}"}]}`:              true,
		`{"onDesired":[{"respond":{}}]}`:                           false,
		`{"methods":{"m":[{"invokeMethod":{"method":"other"}}]}}`:  false,
		`{"methods":{"m":[{"device":"other","report":{}}]}}`:       false,
		`{"methods":{"m":[{"steps":[{"hub":"h","respond":{}}]}]}}`: false,
		`{"telemetry":{"every":"10s"}}`:                            true,
		`{"telemetry":[{"every":"10ms","body":{"n":"${{ noise() }}"},"properties":{"n":1}},{"every":"1h","body":"on"}]}`: true,
		`{"telemetry":{"body":1}}`:                       false,
		`{"telemetry":[]}`:                               false,
		`{"telemetry":{"every":"${{ desired.every }}"}}`: false,
		`{"onMessage":[{"telemetry":{"body":"${{ message.body }}"}},{"sleep":"1s"}]}`:  true,
		`{"onMessage":[{"respond":{}}]}`:                                               false,
		`{"methods":{"m":[{"telemetry":{"body":{"a":null},"properties":{"a":"b"}}}]}}`: true,
		`{"reported":[1]}`: false,
	} {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(file(profile)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); (err == nil) != ok {
			t.Errorf("%s: %v, want ok %v", profile, err, ok)
		}
		if _, problems := device.Load("f.yaml", []byte(file(profile))); (problems == nil) != ok {
			t.Errorf("%s: Load says %v, want ok %v", profile, problems, ok)
		}
	}
}

// Whatever a file holds, Load says what is wrong with it, or gives devices.
func FuzzLoad(f *testing.F) {
	f.Add(behaviours)
	f.Add(string(read(f, "../../workflows/simulator.yaml")))
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range files {
		f.Add(string(read(f, file)))
	}
	large := regexp.MustCompile(`[0-9_eE]{4}`)
	f.Fuzz(func(t *testing.T, text string) {
		if large.MatchString(text) {
			t.Skip() // a million devices take seconds
		}
		fleet, problems := device.Load("f.yaml", []byte(text))
		if (fleet == nil) != (len(problems) > 0) {
			t.Errorf("%v, %v", fleet, problems)
		}
		if fleet != nil && len(fleet.Devices) == 0 {
			t.Error("no devices")
		}
	})
}
