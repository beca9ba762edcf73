package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdOwnDevice is a device that somebody writes with paho and Azure's documentation alone: nothing of ours is in
// it. DEEP and HUGE are answers that no honest device gives.
func cmdOwnDevice(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: own-device ID ANSWER")
	}
	id, answer := args[0], args[1]
	switch answer {
	case "DEEP":
		answer = strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	case "HUGE":
		answer = `"` + strings.Repeat("x", 10<<20) + `"`
	}
	entry := map[string]string{}
	for _, part := range strings.Split(ts.Getenv("DEVICE_"+id), ";") {
		name, value, _ := strings.Cut(part, "=")
		entry[name] = value
	}
	host := entry["HostName"]
	resource := url.QueryEscape(host + "/devices/" + id)
	o := mqtt.NewClientOptions().AddBroker("tcp://" + ts.Getenv("MQTT")).SetClientID(id).SetProtocolVersion(4).
		SetUsername(host + "/" + id + "/?api-version=2021-04-12").
		SetPassword(sasToken(ts, resource, entry["SharedAccessKey"]))
	client := mqtt.NewClient(o)
	settle(ts, client.Connect())
	ts.Defer(func() { client.Disconnect(100) })
	settle(ts, client.Subscribe("$iothub/methods/POST/#", 0, func(c mqtt.Client, m mqtt.Message) {
		rid := m.Topic()[strings.Index(m.Topic(), "$rid=")+len("$rid="):]
		c.Publish("$iothub/methods/res/200/?$rid="+rid, 0, false, answer)
		c.Publish("$iothub/twin/PATCH/properties/reported/?$rid=1", 0, false, fmt.Sprintf(`{"rebootTime":%q}`, time.Now().Format(time.RFC3339Nano)))
	}))
}

func settle(ts *testscript.TestScript, t mqtt.Token) {
	if !t.WaitTimeout(patience) {
		ts.Fatalf("own-device: no answer from the hub")
	}
	ts.Check(t.Error())
}

func sasToken(ts *testscript.TestScript, resource, key string) string {
	secret, err := base64.StdEncoding.DecodeString(key)
	ts.Check(err)
	expiry := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(resource + "\n" + expiry))
	signature := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return "SharedAccessSignature sr=" + resource + "&sig=" + signature + "&se=" + expiry
}
