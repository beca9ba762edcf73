package simulator

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
)

// A mosquitto is one of Mosquitto's command-line clients, as device dev-1 over TLS.
type mosquitto struct {
	*testing.T
	flags []string
}

func newMosquitto(t *testing.T, h *Hub, address, ca string) mosquitto {
	t.Helper()
	if _, err := exec.LookPath("mosquitto_sub"); err != nil {
		const missing = "Mosquitto's clients are not installed (Debian: mosquitto-clients)"
		if os.Getenv("TWINBOOK_WITNESSES") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return mosquitto{t, []string{
		"-h", "localhost", "-p", port, "--cafile", ca, "-V", "mqttv311", "-i", "dev-1",
		"-u", "localhost/dev-1/?api-version=2021-04-12", "-P", deviceToken(t, h, "dev-1", time.Hour),
	}}
}

func (m mosquitto) run(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(m.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, append(args, m.flags...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Mosquitto's clients as a witness that shares no line with ours: MQTT over TLS with a CA file.
func TestMosquittoSends(t *testing.T) {
	h := newHub(t, Config{})
	d := openDoors(t, h)
	m := newMosquitto(t, h, d.mqtts, d.ca.File())
	if out, err := m.run("mosquitto_pub", "-q", "1", "-t", "devices/dev-1/messages/events/level=3", "-m", "hello"); err != nil {
		t.Errorf("telemetry: %v: %s", err, out)
	}
	if out, err := m.run("mosquitto_pub", "-q", "1", "-t", "$iothub/twin/PATCH/properties/reported/?$rid=1", "-m", `{"firmware": "1.5"}`); err != nil {
		t.Errorf("report: %v: %s", err, out)
	}
	twin, err := h.Client().Twin(t.Context(), hub.Target{Device: "dev-1"})
	if err != nil || twin.Reported["firmware"] != "1.5" {
		t.Errorf("reported %v, %v", twin.Reported, err)
	}
}

// A call and a change of desired properties reach mosquitto_sub. It cannot answer: another client of that name would
// take its place. So it leaves after two messages, and the caller hears that.
func TestMosquittoHears(t *testing.T) {
	h := newHub(t, Config{})
	d := openDoors(t, h)
	m := newMosquitto(t, h, d.mqtts, d.ca.File())
	heard := make(chan string, 1)
	go func() {
		out, err := m.run("mosquitto_sub", "-t", "$iothub/methods/POST/#", "-t", "$iothub/twin/PATCH/properties/desired/#", "-C", "2", "-F", "%t %p")
		heard <- fmt.Sprint(out, " ", err)
	}()
	call := calling("reboot")
	call.Payload, call.Connect = map[string]any{"n": "42"}, patience
	b := &bench{t, h, h.Client(), nil}
	called := b.start(call)
	b.eventually("the call to be on its way", func() bool {
		device := h.devices.get("dev-1")
		device.mu.Lock()
		defer device.mu.Unlock()
		return device.session != nil && len(device.session.calls) == 1
	})
	if _, err := h.Client().UpdateTwin(t.Context(), call.Target, hub.Patch{Desired: map[string]any{"x": 1}}); err != nil {
		t.Error(err)
	}
	got := within(t, "mosquitto_sub", heard)
	if !strings.HasPrefix(got, "$iothub/methods/POST/reboot/?$rid=") || !strings.HasSuffix(got, ` {"n":"42"}
$iothub/twin/PATCH/properties/desired/?$version=2 {"$version":2,"x":1} <nil>`) {
		t.Errorf("heard %s", got)
	}
	b.wantKind(within(t, "the call to end", called).err, hub.Interrupted, true)
}

func TestMosquittoChecksTheHub(t *testing.T) {
	h := newHub(t, Config{})
	d, another := openDoors(t, h), openDoors(t, newHub(t, Config{}))
	m := newMosquitto(t, h, d.mqtts, another.ca.File())
	if out, err := m.run("mosquitto_pub", "-q", "1", "-t", "devices/dev-1/messages/events/", "-m", "hello"); err == nil || !strings.Contains(out, "TLS error") {
		t.Errorf("with another CA: %v: %s", err, out)
	}
}
