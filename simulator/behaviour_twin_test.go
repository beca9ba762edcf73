package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

func (b *bench) update(desired map[string]any) hub.Twin {
	b.Helper()
	t, err := b.client.UpdateTwin(b.Context(), hub.Target{Device: "dev-1"}, hub.Patch{Desired: desired})
	if err != nil {
		b.Fatal(err)
	}
	return t
}

func twinGet(b *bench) {
	f := b.connect(wire.TwinResponseFeed)
	b.update(map[string]any{"interval": 5, "deep": map[string]any{"a": "<b>"}})
	f.send(wire.TwinGet{RID: "any.Thing-1"})
	got := next[wire.TwinResponse](f)
	want := `{"desired":{"deep":{"a":"<b>"},"interval":5,"$version":2},"reported":{"$version":1}}`
	if got.RID != "any.Thing-1" || got.Status != 200 || string(got.Body) != want {
		b.Errorf("twin %+v %s, want %s", got, got.Body, want)
	}
}

func report(b *bench) {
	f := b.connect(0) // responses come without a subscription, too
	for i, c := range []struct{ patch, want string }{
		{`{"a":1,"b":{"c":[1,"x",true]},"$version":9,"$metadata":{}}`, `{"a":1,"b":{"c":[1,"x",true]}}`},
		{`{"a":null,"b":{"d":{"e":null}}}`, `{"b":{"c":[1,"x",true],"d":{}}}`},
		{`{}`, `{"b":{"c":[1,"x",true],"d":{}}}`},
	} {
		f.send(wire.ReportedPatch{RID: "7", Body: []byte(c.patch)})
		got := next[wire.TwinResponse](f)
		if got.Status != 204 || got.RID != "7" || got.Version != int64(i+2) || len(got.Body) != 0 {
			b.Errorf("%s: %+v %s", c.patch, got, got.Body)
		}
		twin, err := b.client.Twin(b.Context(), hub.Target{Device: "dev-1"})
		if text, _ := json.Marshal(twin.Reported); err != nil || string(text) != c.want || twin.ETag != "AAAAAAAAAAE=" {
			b.Errorf("%s gave %s etag %s, %v; want %s", c.patch, text, twin.ETag, err, c.want)
		}
	}
}

func badReports(b *bench) {
	f := b.connect(wire.TwinResponseFeed)
	big := strings.Repeat("x", maxValue)
	parts := make([]string, 9)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"k%d":%q`, i, big)
	}
	for _, c := range []struct {
		patch   string
		version int64
		status  int
		number  int
		message string
	}{
		{``, 0, 400, 400004, "not valid"},
		{`null`, 0, 400, 400004, "JSON object"},
		{`[1]`, 0, 400, 400004, "JSON object"},
		{`{"a":`, 0, 400, 400004, "not valid"},
		{`{"a.b":1}`, 0, 400, 400004, "name"},
		{`{"ok":1,"a":[1,null]}`, 0, 400, 400004, "null"},
		{strings.Repeat(`{"a":`, 12) + "1" + strings.Repeat("}", 12), 0, 400, 400004, "deep"},
		{strings.Repeat(`[`, 10000), 0, 400, 400004, "deeper"},
		{`{` + strings.Join(parts, ",") + `}`, 0, 403, 403100, "'Properties.Reported' size should be less than 32768 bytes."},
		{`{"a":1}`, 5, 412, 412001, "$version"},
		{`{"a":1}`, wire.BadVersion, 400, 400004, "$version"},
	} {
		f.send(wire.ReportedPatch{RID: "1", Version: c.version, Body: []byte(c.patch)})
		got := next[wire.TwinResponse](f)
		var body struct {
			ErrorCode    int
			Message      string
			TrackingID   string
			TimestampUtc string
		}
		err := json.Unmarshal(got.Body, &body)
		if err != nil || got.Status != c.status || body.ErrorCode != c.number || !strings.Contains(body.Message, c.message) || body.TrackingID == "" || body.TimestampUtc == "" {
			b.Errorf("%.40s: %d %s, want %d %d %q", c.patch, got.Status, got.Body, c.status, c.number, c.message)
		}
	}
	twin, err := b.client.Twin(b.Context(), hub.Target{Device: "dev-1"})
	if err != nil || len(twin.Reported) != 0 || twin.ReportedVersion != 1 {
		b.Errorf("reported %v version %d, want nothing of it", twin.Reported, twin.ReportedVersion)
	}
	f.send(wire.ReportedPatch{RID: "2", Version: 1, Body: []byte(`{"a":1}`)})
	if got := next[wire.TwinResponse](f); got.Status != 204 {
		b.Errorf("a patch for the right version: %+v %s", got, got.Body)
	}
}

func desiredInOrder(b *bench) {
	f := b.connect(wire.DesiredFeed)
	const writers, each = 4, 50
	done := make(chan error, writers)
	for w := range writers {
		go func() {
			var err error
			for i := range each {
				_, err = b.client.UpdateTwin(b.Context(), hub.Target{Device: "dev-1"}, hub.Patch{Desired: map[string]any{"w": w, "i": i, "gone": nil}})
			}
			done <- err
		}()
	}
	for v := int64(2); v < 2+writers*each; v++ {
		got := next[wire.DesiredPatch](f)
		if got.Version != v || !bytes.Contains(got.Body, fmt.Appendf(nil, `"$version":%d,"gone":null,`, v)) {
			b.Fatalf("notice %d: %d %s", v, got.Version, got.Body)
		}
	}
	for range writers {
		if err := within(b, "a writer", done); err != nil {
			b.Error(err)
		}
	}
	b.client.UpdateTwin(b.Context(), hub.Target{Device: "dev-1"}, hub.Patch{Tags: map[string]any{"a": 1}})
	w, err := parseWrite([]byte(`{"properties":{"desired":{"new":{"x":1,"y":null}}}}`), true, "")
	if err == nil {
		_, err = b.hub.writeTwin("dev-1", w)
	}
	if got := next[wire.DesiredPatch](f); err != nil || string(got.Body) != fmt.Sprintf(`{"$version":%d,"new":{"x":1}}`, got.Version) {
		b.Errorf("after a tags-only change and a replacement: %s, %v; want the complete new section", got.Body, err)
	}
	b.hub.writeTwin("dev-1", serviceWrite{desired: &change{clear: true}})
	if got := next[wire.DesiredPatch](f); string(got.Body) != fmt.Sprintf(`{"$version":%d,"new":null}`, got.Version) {
		b.Errorf("after clearing: %s", got.Body)
	}
}

func desiredUnsubscribed(b *bench) {
	f := b.connect(wire.TwinResponseFeed)
	b.update(map[string]any{"a": 1})
	f.subscribe(wire.DesiredFeed)
	b.update(map[string]any{"a": 2})
	if got := next[wire.DesiredPatch](f); got.Version != 3 {
		b.Errorf("the first notice is %d, want 3: none is queued", got.Version)
	}
}

func connectionState(b *bench) {
	states := make(chan string, 100)
	stop := b.client.OnTwin(hub.Target{Device: "dev-1"}, func(t hub.Twin, _ error) {
		states <- fmt.Sprintf("%s %v", t.ConnectionState, t.Reported["a"])
	})
	f := b.connect(wire.TwinResponseFeed)
	f.send(wire.ReportedPatch{RID: "1", Body: []byte(`{"a":1}`)})
	next[wire.TwinResponse](f)
	f.conn.Close()
	for _, want := range []string{"Connected <nil>", "Connected 1", "Disconnected 1"} {
		if got := within(b, want, states); got != want {
			b.Errorf("state %q, want %q", got, want)
		}
	}
	stop()
	b.update(map[string]any{"x": 1})
	if len(states) != 0 {
		b.Errorf("told %q after stop", <-states)
	}
}
