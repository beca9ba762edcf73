package simulator

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

func TestRESTSendMessage(t *testing.T) {
	c := newCaller(t, Config{})
	f := connect(t, c.hub.AttachDevice, wire.DeviceboundFeed)
	got := c.do("POST", "/twinbook/messages/dev-1", `{"messageId":"m","correlationId":"c","body":"grüß","properties":{"a":"1"},"expirySeconds":60.5}`)
	if got.status != 200 || got.body != `{"messageId":"m"}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	m := next[wire.Devicebound](f)
	keys := ""
	for _, p := range m.Properties {
		keys += p.Key + " "
	}
	if string(m.Body) != "grüß" || keys != "$.mid $.to $.exp $.cid a " {
		t.Errorf("%+v", m)
	}
	c.do("POST", "/twinbook/messages/dev-1", `{"bodyBase64":"AP8="}`)
	if m := next[wire.Devicebound](f); string(m.Body) != "\x00\xff" {
		t.Errorf("%+v", m)
	}
	got = c.do("POST", "/twinbook/messages/dev-2", `{}`)
	var made map[string]string
	if err := json.Unmarshal([]byte(got.body), &made); err != nil || got.status != 200 || len(made["messageId"]) != 36 {
		t.Errorf("%d %s %v", got.status, got.body, err)
	}
	if got := c.do("GET", "/twins/dev-2", ""); !strings.Contains(got.body, `"cloudToDeviceMessageCount":1`) {
		t.Errorf("the twin: %s", got.body)
	}
	if got := c.do("GET", "/devices/dev-2", ""); !strings.Contains(got.body, `"cloudToDeviceMessageCount":1`) {
		t.Errorf("the identity: %s", got.body)
	}
	if got := c.do("POST", "/devices/query", `{"query":"SELECT deviceId FROM devices WHERE cloudToDeviceMessageCount = 1"}`); got.body != `[{"deviceId":"dev-2"}]` {
		t.Errorf("the query: %s", got.body)
	}
	if got := c.do("DELETE", "/devices/dev-2/commands", ""); got.status != 200 || got.body != `{"totalMessagesPurged":1,"deviceId":"dev-2","moduleId":null}` {
		t.Errorf("purge: %d %s", got.status, got.body)
	}

	for _, body := range []string{`{`, `[]`, `{"body":1}`, `{"body":"a","bodyBase64":"AA=="}`, `{"bodyBase64":"?"}`, `{"expirySeconds":0}`, `{"properties":{"a":1}}`, `null`, `{"playload":"x"}`, `{"Body":"x"}`} {
		c.wantError(c.do("POST", "/twinbook/messages/dev-1", body), 400, "ArgumentInvalid", 400004)
	}
	for body, says := range map[string]string{
		`{"payload":"x"}`:      "A message has no member payload, it may have body, bodyBase64,",
		`{"body":{"on":true}}`: "body must be text, JSON goes in as text",
		`{"body":1}`:           "body must be text, JSON goes in as text",
	} {
		if got := c.do("POST", "/twinbook/messages/dev-1", body); !strings.Contains(got.body, says) {
			t.Errorf("%s: %s, want %q", body, got.body, says)
		}
	}
	c.wantError(c.do("POST", "/twinbook/messages/dev-1?api-version=&ttl=1", `{"body":"a"}`), 400, "ArgumentInvalid", 400004)
	c.wantError(c.do("POST", "/twinbook/messages/dev-1", `{"body":"`+strings.Repeat("x", maxDeviceBody+1)+`"}`), 413, "MessageTooLarge", 413001)
	c.wantError(c.do("POST", "/twinbook/messages/nobody", `{}`), 404, "DeviceNotFound", 404001)
	c.wantError(c.do("DELETE", "/devices/nobody/commands", ""), 404, "DeviceNotFound", 404001)
	for range maxQueued {
		c.do("POST", "/twinbook/messages/dev-2", `{}`)
	}
	c.wantError(c.do("POST", "/twinbook/messages/dev-2", `{}`), 403, "DeviceMaximumQueueDepthExceeded", 403004)
	c.token = policyToken(t, c.hub, "registryReadWrite", "localhost")
	c.wantError(c.do("POST", "/twinbook/messages/dev-1", `{}`), 401, "IotHubUnauthorizedAccess", 401002)
}

func (c *caller) readTelemetry(path string) telemetryReply {
	c.Helper()
	got := c.do("GET", path+"&api-version=", "")
	var page telemetryReply
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 {
		c.Fatalf("%s: %d %s %v", path, got.status, got.body, err)
	}
	return page
}

func TestRESTTelemetry(t *testing.T) {
	c := newCaller(t, Config{Clock: fast()})
	first := connect(t, c.hub.AttachDevice, wire.TwinResponseFeed)
	second := newFake(t)
	second.dial(c.hub.AttachDevice, wire.Options{Identity: wire.Identity{Device: "dev-2"}})
	if got := c.do("GET", "/twinbook/telemetry/dev-1?api-version=", ""); !strings.HasPrefix(got.body, `{"messages":[],"next":"`) || !strings.HasSuffix(got.body, `","lost":0}`) {
		t.Errorf("nothing yet: %s", got.body)
	}
	first.send(wire.Telemetry{Body: []byte("ä"), Properties: []wire.Property{{Key: "a", Value: "1"}, {Key: "$.ct", Value: "text/plain"}}})
	second.send(wire.Telemetry{Body: []byte("\xff")})

	page := c.readTelemetry("/twinbook/telemetry/dev-1?wait=60")
	if len(page.Messages) != 1 || *page.Messages[0].Body != "ä" || *page.Messages[0].Properties["a"] != "1" || page.Messages[0].System["contentType"] != "text/plain" || page.Messages[0].DeviceID != "dev-1" {
		t.Errorf("%+v", page)
	}
	if again := c.readTelemetry("/twinbook/telemetry/dev-1?wait=1&after=" + page.Next); len(again.Messages) != 0 || again.Next == "" {
		t.Errorf("after the last: %+v", again)
	}
	all := c.readTelemetry("/twinbook/telemetry?")
	if len(all.Messages) != 2 || all.Messages[1].Body != nil || string(all.Messages[1].BodyBase64) != "\xff" {
		t.Errorf("all: %+v", all)
	}
	first.send(wire.Telemetry{Properties: []wire.Property{{Key: "null", Null: true}, {Key: "empty"}}})
	page = c.readTelemetry("/twinbook/telemetry/dev-1?wait=60&after=" + page.Next)
	if p := page.Messages[0].Properties; len(p) != 2 || p["null"] != nil || p["empty"] == nil || *p["empty"] != "" {
		t.Errorf("null and empty: %v", p)
	}
	since := all.Messages[1].Enqueued
	if late := c.readTelemetry("/twinbook/telemetry?since=" + since); len(late.Messages) != 2 || late.Messages[0].DeviceID != "dev-2" {
		t.Errorf("since %s: %+v", since, late)
	}
	waiting := make(chan telemetryReply, 1)
	go func() { waiting <- c.readTelemetry("/twinbook/telemetry/dev-1?wait=60&after=" + page.Next) }()
	first.send(wire.Telemetry{Body: []byte("next")})
	if got := within(t, "the message", waiting); len(got.Messages) != 1 || *got.Messages[0].Body != "next" {
		t.Errorf("waited for %+v", got)
	}

	for _, q := range []string{"since=now", "wait=61", "wait=-1", "wait=x", "wait=NaN", "after=x", "after=1.2", "after=" + page.Next + "x", "follow=maybe", "limit=1", "wait=1&wait=2", "wait=%zz"} {
		c.wantError(c.do("GET", "/twinbook/telemetry/dev-1?api-version=&"+q, ""), 400, "ArgumentInvalid", 400004)
	}
	c.wantError(c.do("GET", "/twinbook/telemetry/dev-1?api-version=&after=1.1.1", ""), 400, "CursorOfAnotherHub", 400900)
	c.wantError(c.do("GET", "/twinbook/telemetry?api-version=&module=m", ""), 400, "ArgumentInvalid", 400004)
	c.wantError(c.do("GET", "/twinbook/telemetry/nobody", ""), 404, "DeviceNotFound", 404001)
	c.token = policyToken(t, c.hub, "registryRead", "localhost")
	c.wantError(c.do("GET", "/twinbook/telemetry", ""), 401, "IotHubUnauthorizedAccess", 401002)
}

// A stream goes on until its reader leaves.
func TestRESTFollow(t *testing.T) {
	c := newCaller(t, Config{})
	f := connect(t, c.hub.AttachDevice, wire.TwinResponseFeed)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", c.server.URL+"/twinbook/telemetry/dev-1?follow=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", c.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for _, body := range []string{"a", "b", "c"} {
		f.send(wire.Telemetry{Body: []byte(body)})
		var m telemetryDoc
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &m) != nil || *m.Body != body {
			t.Fatalf("line %q, %v; want the message %s", lines.Text(), lines.Err(), body)
		}
	}
	cancel()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c.hub.telemetry.mu.Lock()
		left := len(c.hub.telemetry.waiting)
		c.hub.telemetry.mu.Unlock()
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the hub still waits for a reader that has left")
		}
	}
}
