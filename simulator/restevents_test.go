package simulator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A device that speaks HTTP sends telemetry with its own token.
func TestRESTEvents(t *testing.T) {
	c := newCaller(t, Config{})
	owner := c.token
	c.token = deviceToken(t, c.hub, "dev-1", time.Hour)
	post := func(id, body string, headers ...string) httpAnswer {
		return c.do("POST", "/devices/"+id+"/messages/events", body, headers...)
	}
	if got := post("dev-1", "warm", "iothub-app-Level", "high low", "IoTHub-MessageId", "m", "iothub-contenttype", "text/plain"); got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	m := (&bench{t, c.hub, c.hub.Client(), nil}).telemetry("").Messages[0]
	if string(m.Body) != "warm" || fmt.Sprint(m.Properties) != "map[level:high low]" || m.System["messageId"] != "m" || m.System["contentType"] != "text/plain" {
		t.Errorf("%+v", m)
	}
	c.wantError(post("dev-2", "x"), 401, "IotHubUnauthorized", 401003)
	c.wantError(post("nobody", "x"), 404, "DeviceNotFound", 404001)
	c.wantError(post("dev-1", strings.Repeat("x", maxMessage+1)), 413, "MessageTooLarge", 413001)
	c.wantError(post("dev-1", "[]", "Content-Type", batchType), 501, "GenericNotImplemented", 501000)
	c.token = policyToken(t, c.hub, "device", "localhost")
	if got := post("dev-2", "x"); got.status != http.StatusNoContent {
		t.Errorf("with the policy for devices: %d %s", got.status, got.body)
	}
	c.token = ""
	c.wantError(post("dev-1", "x"), 401, "IotHubUnauthorized", 401003)
	c.token = policyToken(t, c.hub, "service", "localhost")
	c.wantError(post("dev-1", "x"), 401, "IotHubUnauthorizedAccess", 401002)
	c.token = owner
	if err := c.hub.AddDevice(Device{ID: "off", Disabled: true}); err != nil {
		t.Fatal(err)
	}
	c.wantError(post("off", "x"), 401, "IotHubUnauthorized", 401003)
}
