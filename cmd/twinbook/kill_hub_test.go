package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/simulator/wire"
)

const killFile = "testdata/kill/simulator.yaml"

// A killHub is a simulated hub in a process of its own. The devices that runs do something with are simulated in
// this one, so that what they count outlives the hub.
type killHub struct {
	t       *testing.T
	args    []string
	entry   wire.ConnectionString // of any device, but for its id and key
	mqtt    string
	profile *device.Profile
	sites   atomic.Int64 // that were given to lives

	mu   sync.Mutex // guards what follows
	at   *simulation
	made int // devices
}

// startKillHub starts a hub; state is where it keeps what a kill is not to take from it, or empty.
func startKillHub(t *testing.T, state string) *killHub {
	t.Helper()
	source, err := os.ReadFile(killFile)
	if err != nil {
		t.Fatal(err)
	}
	fleet, problems := device.Load(killFile, source)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	h := &killHub{t: t, args: []string{killFile}, profile: fleet.Devices[len(fleet.Devices)-1].Profile}
	if state != "" {
		h.args = append(h.args, "--state", state)
	}
	h.at = simulate(t, h.args...)
	h.entry = mustParse(t, h.at.start.Devices["gateway"])
	h.mqtt = h.at.start.MQTT
	h.args = append(h.args, "--http", h.at.start.HTTP, "--mqtt", h.mqtt)
	return h
}

// restart kills the hub and starts it again at the same addresses.
func (h *killHub) restart() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at.kill()
	h.at = simulate(h.t, h.args...)
}

// address is the hub's connection string for services.
func (h *killHub) address() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at.start.Policies["service"]
}

// newDevices gives devices that no run has had, and that live until ctx ends.
func (h *killHub) newDevices(ctx context.Context, n int, site string) ([]string, *device.Running) {
	var ids []string
	keys := map[string][]byte{}
	fleet := &device.Fleet{}
	for range n {
		id, key := h.newDevice(site)
		ids, keys[id] = append(ids, id), key
		fleet.Devices = append(fleet.Devices, device.Spec{ID: id, Profile: h.profile})
	}
	login := func(id string) (wire.ConnectionString, error) {
		entry := h.entry
		entry.Device, entry.Key = id, keys[id]
		return entry, nil
	}
	playing, err := device.Start(ctx, fleet, device.Options{Dial: device.DialMQTT(clock.Real(), h.mqtt, login)})
	if err != nil {
		h.t.Fatal(err)
	}
	ready, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := playing.Ready(ready); err != nil {
		h.t.Error(err)
	}
	return ids, playing
}

// newDevice makes a device, and waits for no kill of the hub meanwhile.
func (h *killHub) newDevice(site string) (id string, key []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id = fmt.Sprintf("d-%d", h.made)
	h.made++
	var made struct {
		Authentication struct {
			SymmetricKey struct{ PrimaryKey []byte }
		}
	}
	h.at.do("PUT", "/devices/"+id, `{"deviceId":"`+id+`"}`, &made)
	h.at.do("PATCH", "/twins/"+id, `{"tags":{"site":"`+site+`"}}`, &struct{}{})
	return id, made.Authentication.SymmetricKey.PrimaryKey
}
