package device_test

import (
	"fmt"
	"strings"
	"testing"
)

// The faults of a file are those of its list, then those of its profiles, each one thing that goes wrong.
func TestFileFaults(t *testing.T) {
	fleet := load(t, `
version: 1
simulator: s
devices:
  - { id: gw-7, profile: gateway }
  - { id: "s-${{ index }}", count: 3, profile: sensor }
faults:
  - { device: gw-7, method: reboot, latency: 2s, jitter: 500ms, count: 3, chance: 10% }
  - { id: cut, profile: sensor, on: [telemetry, calls], disconnect: true, from: 1m, until: 1d }
  - { device: "s-?", clockSkew: -10m, x-why: its clock stands still }
  - { refuse: unauthorized, after: 2 }
profiles:
  gateway:
    faults: { halfOpen: true }
  sensor:
    faults: { latency: 50ms, loss: 1%, methodFailure: 2%, status: 504, disconnectEvery: 1h }
  empty: {}
`)
	var got []string
	for _, f := range fleet.Faults {
		got = append(got, f.String())
	}
	want := []string{
		"device=gw-7 method=reboot latency=2s jitter=500ms chance=10% count=3",
		"id=cut profile=sensor on=telemetry,calls disconnect from=1m until=1d",
		"device=s-? clockSkew=-10m",
		"refuse=unauthorized after=2",
		"profile=gateway halfOpen",
		"profile=sensor latency=50ms",
		"profile=sensor loss=1%",
		"profile=sensor disconnectEvery=1h",
		"profile=sensor methodFailure=2% status=504",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("faults\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for profile, want := range map[string]string{"sensor": "[s-0 s-1 s-2] true", "empty": "[] true", "nobody": "[] false"} {
		if devices, known := fleet.InProfile(profile); fmt.Sprint(devices, known) != want {
			t.Errorf("%s: %v %v, want %s", profile, devices, known, want)
		}
	}
}
