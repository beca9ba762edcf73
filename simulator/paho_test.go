package simulator

import (
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/twinbook/twinbook/hub"
)

// pahoOptions connect dev-1 with a client that is not ours.
func pahoOptions(t *testing.T, h *Hub, address string) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID("dev-1").
		SetUsername("localhost/dev-1/?api-version=2021-04-12").SetPassword(deviceToken(t, h, "dev-1", time.Hour)).
		SetProtocolVersion(4).SetCleanSession(false).SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(patience).SetOrderMatters(true)
}

func done(t *testing.T, what string, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("%s: %v", what, token.Error())
	}
}

type said struct{ topic, body string }

// paho.mqtt.golang as a witness: what it takes for MQTT 3.1.1 works.
func TestPaho(t *testing.T) {
	h := newHub(t, Config{})
	c := h.Client()
	address := listen(t, h)
	heard := make(chan said, 100)
	listener := func(client mqtt.Client, m mqtt.Message) { heard <- said{m.Topic(), string(m.Payload())} }
	lost := make(chan error, 1)

	first := mqtt.NewClient(pahoOptions(t, h, address).SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err }))
	connecting := first.Connect()
	done(t, "connect", connecting)
	if connecting.(*mqtt.ConnectToken).SessionPresent() {
		t.Error("a session before the first connection")
	}
	subscribing := first.SubscribeMultiple(map[string]byte{"$iothub/methods/POST/#": 0, "$iothub/twin/res/#": 1, "$iothub/twin/PATCH/properties/desired/#": 2}, listener)
	done(t, "subscribe", subscribing)
	if r := subscribing.(*mqtt.SubscribeToken).Result(); r["$iothub/twin/PATCH/properties/desired/#"] != 1 {
		t.Errorf("granted %v, want QoS 2 cut to 1", r)
	}
	refused := first.Subscribe("$iothub/#", 0, nil)
	if !refused.WaitTimeout(patience) || refused.(*mqtt.SubscribeToken).Result()["$iothub/#"] != 0x80 {
		t.Error("a filter that does not exist was granted")
	}

	done(t, "telemetry", first.Publish("devices/dev-1/messages/events/a=b", 1, true, "{}"))
	done(t, "twin GET", first.Publish("$iothub/twin/GET/?$rid=1", 0, false, ""))
	if got := within(t, "the twin", heard); got != (said{"$iothub/twin/res/200/?$rid=1", `{"desired":{"$version":1},"reported":{"$version":1}}`}) {
		t.Errorf("twin %+v", got)
	}
	done(t, "report", first.Publish("$iothub/twin/PATCH/properties/reported/?$rid=2", 1, false, `{"a":{"b":1}}`))
	if got := within(t, "the answer to a report", heard); got != (said{"$iothub/twin/res/204/?$rid=2&$version=2", ""}) {
		t.Errorf("report %+v", got)
	}
	if _, err := c.UpdateTwin(t.Context(), hub.Target{Device: "dev-1"}, hub.Patch{Desired: map[string]any{"x": 1}}); err != nil {
		t.Error(err)
	}
	if got := within(t, "the notice", heard); got != (said{"$iothub/twin/PATCH/properties/desired/?$version=2", `{"$version":2,"x":1}`}) {
		t.Errorf("notice %+v", got)
	}

	// A second connection takes over, and need not subscribe again.
	second := mqtt.NewClient(pahoOptions(t, h, address).SetDefaultPublishHandler(func(client mqtt.Client, m mqtt.Message) {
		client.Publish("$iothub/methods/res/200/?$rid=1", 1, false, m.Payload())
	}))
	connecting = second.Connect()
	done(t, "connect again", connecting)
	if !connecting.(*mqtt.ConnectToken).SessionPresent() {
		t.Error("the session was not kept")
	}
	if err := within(t, "the first connection to end", lost); err == nil {
		t.Error("the first connection was lost for no reason")
	}
	call := calling("reboot")
	call.Payload = map[string]any{"n": "42"}
	reply, err := c.Invoke(t.Context(), call)
	if err != nil || reply.Status != 200 || reply.Payload.(map[string]any)["n"] != "42" {
		t.Errorf("method: %+v, %v", reply, err)
	}
	second.Disconnect(0)

	wrong := pahoOptions(t, h, address).SetPassword(deviceToken(t, h, "dev-2", time.Hour))
	if token := mqtt.NewClient(wrong).Connect(); !token.WaitTimeout(patience) || token.(*mqtt.ConnectToken).ReturnCode() != 5 {
		t.Errorf("with another device's token: %v", token.Error())
	}
}
