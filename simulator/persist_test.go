package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/state"
	"github.com/twinbook/twinbook/simulator/wire"
)

func openState(t testing.TB, dir string) *state.Store {
	t.Helper()
	s, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func keepingHub(t testing.TB) *Hub {
	t.Helper()
	return newHub(t, Config{Clock: fast(), State: openState(t, t.TempDir())})
}

// restarted is the hub that another process would make if this one were killed now.
func restarted(t testing.TB, h *Hub) *Hub {
	t.Helper()
	c := h.config
	c.State = restartedState(t, h)
	again, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// restartedState is a copy of a hub's state folder.
func restartedState(t testing.TB, h *Hub) *state.Store {
	t.Helper()
	const log = "records.log"
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(h.config.State.Dir(), log))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, log), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return openState(t, dir)
}

// kept is all that services can see of a hub's devices, but for what a restart changes.
func kept(t testing.TB, h *Hub) map[string]string {
	t.Helper()
	all := map[string]string{}
	for d := range h.devices.all(slices.Concat(h.devices.list(), h.devices.listModules())) {
		v := d.view()
		doc, identity := v.doc(), h.identityDoc(v)
		doc.ConnectionState, identity.ConnectionState = "", ""
		doc.LastActivityTime, identity.LastActivityTime, identity.ConnectionTime = "", "", ""
		all[d.id] = string(encodeJSON(doc)) + string(encodeJSON(identity))
	}
	return all
}

func wantKept(t testing.TB, h *Hub) {
	t.Helper()
	got, want := kept(t, restarted(t, h)), kept(t, h)
	for id := range want {
		if got[id] != want[id] {
			t.Errorf("device %s after a restart:\n%s, before:\n%s", id, got[id], want[id])
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("after a restart there are %v, before %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

func TestRestartKeepsTwins(t *testing.T) {
	h := keepingHub(t)
	wantKept(t, h)
	if err := h.AddDevice(Device{ID: "made-later", Disabled: true, Tags: object{"a": 1}, PrimaryKey: make([]byte, 16)}); err != nil {
		t.Fatal(err)
	}
	c := h.Client()
	for _, desired := range []object{
		{"interval": 5, "deep": object{"a": "<b>", "ä\"": []any{1.5, "x", object{"y": true}}}},
		{"deep": object{"a": nil, "empty": object{}}, "long": strings.Repeat("x", 4000)}, {}, {"big": 4503599627370495, "small": 1e-300},
	} {
		if _, err := c.UpdateTwin(t.Context(), target("dev-1"), hub.Patch{Desired: desired, Tags: object{"site": desired["interval"]}}); err != nil {
			t.Fatal(err)
		}
		wantKept(t, h)
	}
	f := connect(t, h.AttachDevice, wire.TwinResponseFeed)
	f.send(wire.ReportedPatch{RID: "1", Body: []byte(`{"state":{"on":true,"since":"now"}}`)})
	next[wire.TwinResponse](f)
	wantKept(t, h)

	again := restarted(t, h)
	before, err := c.Twin(t.Context(), target("dev-1"))
	if err != nil {
		t.Fatal(err)
	}
	after, err := again.Client().UpdateTwin(t.Context(), target("dev-1"), hub.Patch{Desired: object{"new": 1}, IfMatch: before.ETag})
	if err != nil || after.DesiredVersion != before.DesiredVersion+1 || after.Desired["interval"] != 5.0 {
		t.Errorf("a write after the restart: %+v, %v", after, err)
	}
	wantKept(t, again)
}

type object = map[string]any

func target(id string) hub.Target { return hub.Target{Device: id} }

func TestRestartKeepsTheRegistry(t *testing.T) {
	c := newCaller(t, Config{Clock: fast(), State: openState(t, t.TempDir())})
	for _, call := range []struct{ method, path, body, ifMatch string }{
		{"PUT", "/devices/new", `{"deviceId":"new","statusReason":"why"}`, ""},
		{"PUT", "/devices/new/modules/m", `{"deviceId":"new","moduleId":"m","managedBy":"x"}`, ""},
		{"PUT", "/devices/cert", `{"deviceId":"cert","authentication":{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"` + strings.Repeat("ab", 20) + `"}}}`, ""},
		{"PUT", "/devices/ca", `{"deviceId":"ca","authentication":{"type":"certificateAuthority"},"capabilities":{"iotEdge":true}}`, ""},
		{"PUT", "/devices/new", `{"deviceId":"new","status":"disabled"}`, "*"},
		{"PATCH", "/twins/new/modules/m", `{"tags":{"a":1}}`, ""},
		{"PATCH", "/twins/dev-1", `{"properties":{"desired":{"a":{"b":1}}}}`, ""},
		{"PUT", "/devices/dev-2", `{"deviceId":"dev-2"}`, "*"},
		{"POST", "/devices", `[{"id":"bulk","importMode":"create","tags":{"a":1}},{"id":"ca","importMode":"delete"}]`, ""},
		{"DELETE", "/devices/dev-1", "", "*"},
		{"PUT", "/devices/dev-1", `{"deviceId":"dev-1"}`, ""},
		{"DELETE", "/devices/new/modules/m", "", "*"},
		{"PUT", "/devices/new/modules/n", `{"deviceId":"new","moduleId":"n"}`, ""},
	} {
		var headers []string
		if call.ifMatch != "" {
			headers = []string{"If-Match", call.ifMatch}
		}
		if a := c.do(call.method, call.path, call.body, headers...); a.status >= 300 {
			t.Fatalf("%s %s: %d %s", call.method, call.path, a.status, a.body)
		}
		wantKept(t, c.hub)
	}
	again := restarted(t, c.hub)
	if m := again.devices.get("new/n"); !m.barred {
		t.Error("a module of a disabled device is let in after a restart")
	}
	long := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	again, err := New(Config{Clock: clock.NewLoop(long), State: again.config.State})
	if err != nil {
		t.Fatal(err)
	}
	if d := again.devices.get("dev-2"); again.unique(long) <= d.identity.version {
		t.Error("a clock that was set back makes an etag that there was before")
	}
	if a := c.do("DELETE", "/devices/new", "", "If-Match", "*"); a.status != 204 {
		t.Fatal(a)
	}
	wantKept(t, c.hub)
}

func TestAnyTwinIsKept(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := []string{"a", "b", "c", "ä", `q"uote`, "new\u2028line"}
	var value func(depth int) any
	value = func(depth int) any {
		n := random.IntN(9)
		switch {
		case n < 3 && depth < 5:
			o := object{}
			for range random.IntN(5) {
				o[keys[random.IntN(len(keys))]] = value(depth + 1)
			}
			return o
		case n == 3:
			return []any{random.Float64(), "x", []any{}}
		case n == 4:
			return nil
		case n == 5:
			return float64(random.IntN(1 << 40))
		}
		return fmt.Sprint("text ", n, "\x00\t\\")
	}
	for range 500 {
		before := newTwin(day1)
		for i := range random.IntN(6) {
			change := &change{values: object{"x": value(0), "y": value(0)}, replace: random.IntN(4) == 0, clear: random.IntN(9) == 0}
			if random.IntN(2) == 0 {
				before.reported = before.reported.after(*change, &stamp{at: day1.AddDate(0, 0, i)})
			} else if _, err := before.apply(serviceWrite{desired: change, tags: change}, day1.AddDate(i, 0, 0)); err != nil {
				t.Fatal(err)
			}
		}
		var k keptTwin
		if err := json.Unmarshal(before.keep(), &k); err != nil {
			t.Fatalf("%v: %s", err, before.keep())
		}
		after, err := k.twin()
		if err != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%s, %v\nkept as %s", after.keep(), err, before.keep())
		}
	}
}

func TestRecordsThatNobodyCouldHaveWritten(t *testing.T) {
	twin := object{"version": 2, "etag": 1, "desired": object{"version": 1}, "reported": object{"version": 1}}
	with := func(values any) object {
		c := maps.Clone(twin)
		c["tags"], c["stamps"] = values, []any{object{"at": day1}}
		return c
	}
	for _, c := range []state.Change{
		{Kind: "strange", Key: "dev-1", Value: 1},
		{Kind: jobRowsKind, Key: "j 1 0", Value: object{"at": -1}},
		{Kind: hubKind, Key: "strange", Value: 1},
		{Kind: hubKind, Key: secretKey, Value: 1},
		{Kind: identityKind, Key: "dev-1", Value: "x"},
		{Kind: identityKind, Key: "dev-1", Value: keptIdentity{Generation: 1}}, // and no twin
		{Kind: identityKind, Key: "dev-1", Value: keptIdentity{Authentication: "guess"}},
		{Kind: sessionKind, Key: "dev-1", Value: object{"messages": []any{object{"properties": "a", "body": 1}}}},
		{Kind: sessionKind, Key: "dev-1", Value: object{"filters": []any{"everything"}}},
		{Kind: twinKind, Key: "dev-1", Value: with(object{})},
		{Kind: twinKind, Key: "dev-1", Value: with(object{"$": 1})},
		{Kind: twinKind, Key: "dev-1", Value: with(object{"$": -1})},
		{Kind: twinKind, Key: "dev-1", Value: with(object{"$": 0.5})},
		{Kind: twinKind, Key: "dev-1", Value: with(object{"$": 0, "a": 1})},
		{Kind: twinKind, Key: "dev-1", Value: with(object{"$": 0, "a": []any{0}})},
		{Kind: twinKind, Key: "dev-1", Value: with(object{"$": 0, "a": []any{0, nil}})},
		{Kind: twinKind, Key: "dev-1", Value: with(object{"$": 0, "a": object{}})},
	} {
		s := openState(t, t.TempDir())
		if err := s.Write(c); err != nil {
			t.Fatal(err)
		}
		_, err := New(Config{State: s})
		if err == nil || !strings.Contains(err.Error(), s.Dir()) || !strings.Contains(err.Error(), c.Key) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestHalfMadeDevicesAreForgotten(t *testing.T) {
	h := keepingHub(t)
	d := h.devices.get("dev-1")
	h.config.State.Write(state.Change{Kind: identityKind, Key: d.id})
	again := restarted(t, h)
	if ids := again.Devices(); !slices.Equal(ids, []string{"dev-2"}) {
		t.Errorf("devices %v, want dev-2", ids)
	}
	for r := range again.config.State.Records() {
		if r.Key == d.id {
			t.Errorf("there is still a record %s %s", r.Kind, r.Key)
		}
	}
}

func TestKeysAreKept(t *testing.T) {
	s := openState(t, t.TempDir())
	strings := func(seed string) (all []string) {
		h, err := New(Config{State: s, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		h.AddDevice(Device{ID: "dev-1"}) // is there the second time
		service, _ := h.ConnectionString("service")
		device, err := h.DeviceConnectionString("dev-1")
		if err != nil {
			t.Fatal(err)
		}
		return []string{service.String(), device.String()}
	}
	first := strings("")
	if again := strings(""); !slices.Equal(first, again) {
		t.Errorf("keys %v, before the restart %v", again, first)
	}
	if seeded := strings("x"); seeded[0] == first[0] || seeded[1] == first[1] {
		t.Errorf("a seed changes nothing: %v", seeded)
	}
	if again := strings(""); !slices.Equal(first, again) {
		t.Errorf("after a seed, keys %v, before %v", again, first)
	}
}

// transports is each way to connect to a hub.
var transports = map[string]func(t testing.TB, h *Hub) wire.Dial{
	"attached": func(_ testing.TB, h *Hub) wire.Dial { return h.AttachDevice },
	"mqtt":     func(t testing.TB, h *Hub) wire.Dial { return dialMQTT(h, sockets(t, h)) },
	"piped":    func(t testing.TB, h *Hub) wire.Dial { return dialMQTT(h, pipes(t, h)) },
}

func TestRestartKeepsSessions(t *testing.T) {
	for name, dial := range transports {
		t.Run(name, func(t *testing.T) {
			h := keepingHub(t)
			connect(t, dial(t, h), wire.MethodFeed|wire.DesiredFeed)
			other := newFake(t)
			other.dial(dial(t, h), wire.Options{Identity: wire.Identity{Device: "dev-2"}, CleanSession: true})
			other.subscribe(wire.MethodFeed)

			h = restarted(t, h)
			f := newFake(t).answering(200)
			f.dial(dial(t, h), wire.Options{Identity: wire.Identity{Device: "dev-1"}})
			if !f.conn.SessionPresent() {
				t.Error("the session is gone")
			}
			if _, err := h.Client().Invoke(t.Context(), calling("a")); err != nil {
				t.Errorf("the device takes no methods without subscribing again: %v", err)
			}
			if _, err := h.Client().UpdateTwin(t.Context(), target("dev-1"), hub.Patch{Desired: object{"a": 1}}); err != nil {
				t.Fatal(err)
			}
			next[wire.DesiredPatch](f)
			other = newFake(t)
			other.dial(dial(t, h), wire.Options{Identity: wire.Identity{Device: "dev-2"}})
			if other.conn.SessionPresent() {
				t.Error("a session that was not to be kept is there")
			}

			f.send(wire.Unsubscribe{Feeds: wire.MethodFeed})
			h = restarted(t, h)
			if feeds := h.devices.get("dev-1").feeds; feeds != wire.DesiredFeed {
				t.Errorf("feeds %b after a restart, want those that were not taken back", feeds)
			}
			f = newFake(t)
			f.dial(dial(t, h), wire.Options{Identity: wire.Identity{Device: "dev-1"}, CleanSession: true})
			if h = restarted(t, h); h.devices.get("dev-1").kept {
				t.Error("a session is kept that its device has ended")
			}
		})
	}
}

func TestRestartKeepsMessages(t *testing.T) {
	for name, dial := range transports {
		t.Run(name, func(t *testing.T) {
			h := keepingHub(t)
			o := wire.Options{Identity: wire.Identity{Device: "dev-1"}}
			send := func(text string, expiry time.Duration) {
				t.Helper()
				if _, err := h.Client().Send(t.Context(), hub.Message{Target: target("dev-1"), Body: []byte(text), Expiry: expiry}); err != nil {
					t.Fatal(err)
				}
			}
			send("first", 0)
			send("short", time.Second)
			send("last", time.Hour)
			first := h.clock.Now()
			h = restarted(t, h)
			if err := clock.Sleep(t.Context(), h.clock, 2*time.Second-h.clock.Now().Sub(first)); err != nil {
				t.Fatal(err)
			}
			f := newFake(t)
			f.dial(dial(t, h), o)
			f.subscribe(wire.DeviceboundFeed)
			for _, want := range []string{"first", "last"} {
				if m := next[wire.Devicebound](f); string(m.Body) != want {
					t.Errorf("the device got %s, want %s", m.Body, want)
				}
			}
			f.conn.Close()
			within(t, "the end", f.closed)
			send("later", 0)
			h = restarted(t, h)
			f = newFake(t)
			f.dial(dial(t, h), o)
			for m := next[wire.Devicebound](f); string(m.Body) != "later"; m = next[wire.Devicebound](f) {
				t.Errorf("the device gets %s, and had it before the restart", m.Body)
			}
		})
	}
}

// A witness looks, whenever the hub says something to its device, at what a killed hub would be.
type witness struct {
	*fakeDevice
	hub   *Hub
	check func(wire.Message, *device)
}

func (w *witness) Receive(c wire.Conn, m wire.Message) {
	w.check(m, restarted(w.t, w.hub).devices.get("dev-1"))
	w.fakeDevice.Receive(c, m)
}

// What a device or a service was told outlives the hub, however soon that is killed.
func TestNothingIsToldThatIsNotKept(t *testing.T) {
	for name, dial := range transports {
		t.Run(name, func(t *testing.T) {
			h := keepingHub(t)
			w := &witness{newFake(t), h, func(m wire.Message, d *device) {
				switch m := m.(type) {
				case wire.TwinResponse:
					if d.twin.reported.version < m.Version {
						t.Errorf("answered with reported version %d, kept is %d", m.Version, d.twin.reported.version)
					}
				case wire.DesiredPatch:
					if d.twin.desired.version < m.Version {
						t.Errorf("told of desired version %d, kept is %d", m.Version, d.twin.desired.version)
					}
				}
			}}
			conn, err := dial(t, h)(t.Context(), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, w)
			if err != nil {
				t.Fatal(err)
			}
			if !restarted(t, h).devices.get("dev-1").kept {
				t.Error("the device is in, and its session is not kept")
			}
			w.conn = conn
			w.subscribe(wire.DesiredFeed | wire.TwinResponseFeed)
			if feeds := restarted(t, h).devices.get("dev-1").feeds; feeds != wire.DesiredFeed|wire.TwinResponseFeed {
				t.Errorf("the hub has acknowledged a subscription, and kept %b", feeds)
			}
			for i := range 10 {
				w.send(wire.ReportedPatch{RID: "1", Body: fmt.Appendf(nil, `{"n":%d}`, i)})
				next[wire.TwinResponse](w.fakeDevice)
				after, err := h.Client().UpdateTwin(t.Context(), target("dev-1"), hub.Patch{Desired: object{"n": i}})
				if err != nil {
					t.Fatal(err)
				}
				if kept := restarted(t, h).devices.get("dev-1").twin.desired.version; kept < after.DesiredVersion {
					t.Errorf("the service was told of version %d, kept is %d", after.DesiredVersion, kept)
				}
				next[wire.DesiredPatch](w.fakeDevice)
			}
		})
	}
}

func TestStateThatCannotBeWritten(t *testing.T) {
	for name, dial := range transports {
		t.Run(name, func(t *testing.T) {
			var told atomic.Int64
			s := openState(t, t.TempDir())
			h := newHub(t, Config{Clock: fast(), State: s, StateFailed: func(error) { told.Add(1) }})
			f := connect(t, dial(t, h), wire.DesiredFeed|wire.TwinResponseFeed)
			before := kept(t, restarted(t, h))
			s.Close() // as good as a full disk
			_, err := h.Client().UpdateTwin(t.Context(), target("dev-2"), hub.Patch{Desired: object{"a": 1}})
			if hub.KindOf(err) != hub.Unavailable || !strings.Contains(err.Error(), "could not keep the change") || told.Load() == 0 {
				t.Errorf("%v, told %d times", err, told.Load())
			}
			f.conn.Send(wire.ReportedPatch{RID: "1", Body: []byte(`{"a":1}`)})
			if reason := within(t, "the connection to end", f.closed); reason == nil {
				t.Error("the connection ended without a reason")
			}
			if len(f.inbox) > 0 {
				t.Errorf("the device was told %v", <-f.inbox)
			}
			if err := h.AddDevice(Device{ID: "dev-3"}); err == nil {
				t.Error("a device was made")
			}
			if _, err := dial(t, h)(t.Context(), wire.Options{Identity: wire.Identity{Device: "dev-2"}}, newFake(t)); err == nil {
				t.Error("a device is in with a session that is not kept")
			}
			w := httptest.NewRecorder()
			r := httptest.NewRequest("PATCH", "/twins/dev-2?api-version=2021-04-12", strings.NewReader(`{"tags":{"a":1}}`))
			r.Header.Set("Authorization", policyToken(t, h, "service", "localhost"))
			if h.Handler().ServeHTTP(w, r); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "ErrorCode:ServerError") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if a := newService(t, h).do("PUT", "/jobs/v2/j", siteJob); a.status != http.StatusInternalServerError {
				t.Errorf("a job: %+v", a)
			}
			if after := kept(t, restarted(t, h)); !maps.Equal(after, before) {
				t.Errorf("kept %v, want %v", after, before)
			}
		})
	}
}

func jobDocs(t testing.TB, h *Hub) map[string]jobDoc {
	t.Helper()
	docs := map[string]jobDoc{}
	for _, id := range jobIDs(h) {
		doc, err := h.readJob(id)
		if err != nil {
			t.Fatal(err)
		}
		docs[id] = doc
	}
	return docs
}

func TestRestartKeepsJobs(t *testing.T) {
	h := keepingHub(t)
	s := newService(t, h)
	now := h.clock.Now()
	s.put("ended", siteJob)
	within := func(what string, fact func() bool) {
		t.Helper()
		(&bench{T: t, hub: h}).eventually(what, fact)
	}
	within("the job's end", func() bool { return s.get("ended").Status == jobCompleted })
	s.put("later", with(siteJob, at(now.Add(100*time.Hour))))
	s.put("cancelled", with(siteJob, at(now.Add(100*time.Hour))))
	if a := s.do("POST", "/jobs/v2/cancelled/cancel", ""); a.status != http.StatusOK {
		t.Fatal(a)
	}
	rows := s.rows("is_defined(jobId)")
	before := jobDocs(t, h)
	again := restarted(t, h)
	if after := jobDocs(t, again); !reflect.DeepEqual(after, before) {
		t.Errorf("jobs after a restart:\n%+v, before:\n%+v", after, before)
	}
	if after := newService(t, again).rows("is_defined(jobId)"); !reflect.DeepEqual(after, rows) {
		t.Errorf("rows after a restart:\n%v, before:\n%v", after, rows)
	}

	connect(t, h.AttachDevice, wire.MethodFeed) // and never answers
	s.put("running", pingJob)
	within("the job to run", func() bool { return s.get("running").Statistics.Running == 1 })
	again = restarted(t, restarted(t, h))
	if doc, err := again.readJob("running"); err != nil || doc.Status != jobFailed || !strings.Contains(doc.Failure, "restarted") {
		t.Errorf("a job that was running: %+v, %v", doc, err)
	}
	again.withJobs(func(time.Time) { again.jobs.forget(h.clock.Now().AddDate(1, 0, 0)) })
	if got := jobIDs(restarted(t, again)); !slices.Equal(got, []string{"later"}) {
		t.Errorf("jobs %v after the others were forgotten", got)
	}
}

func TestLargeJobsAreKeptInParts(t *testing.T) {
	h := keepingHub(t)
	id := func(i int) string { return fmt.Sprintf("dev-%05d", i) }
	const devices = 2*partDevices + 1
	r := jobRecord{ID: "large", Number: 7, Spec: json.RawMessage(pingJob), Status: jobCompleted, Created: day1, Start: day1, Began: day1, Ended: day1}
	for i := range devices {
		r.Devices, r.Rows = append(r.Devices, id(i)), append(r.Rows, [5]uint32{uint32(rowCompleted), 1, 2, 200, uint32(i % 40)})
	}
	for i := range 40 {
		r.Texts = append(r.Texts, fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", partText/10)))
	}
	if err := h.restoreJob(r); err != nil {
		t.Fatal(err)
	}
	count := func(h *Hub) (parts int) {
		for r := range h.config.State.Records() {
			if r.Kind == jobPartKind {
				parts++
			}
		}
		return parts
	}
	save := func() {
		t.Helper()
		if err := h.withJobs(func(time.Time) { h.jobs.note("large") }); err != nil {
			t.Fatal(err)
		}
	}
	save()
	parts := count(h)
	if parts < 2 {
		t.Fatalf("%d parts", parts)
	}
	h.config.State.Write(state.Change{Kind: jobPartKind, Key: "large 2 0", Value: jobPart{Devices: []string{"x"}}}) // killed while saving
	again := restarted(t, h)
	var back jobRecord
	again.withJobs(func(time.Time) { back = again.jobs.byID["large"].record() })
	var want jobRecord
	h.withJobs(func(time.Time) { want = h.jobs.byID["large"].record() })
	if !reflect.DeepEqual(back, want) || len(back.Devices) != devices {
		t.Error("the job is not what it was")
	}
	if got := count(again); got != parts {
		t.Errorf("%d parts, want %d", got, parts)
	}
	save()
	if got := count(h); got != parts {
		t.Errorf("saved again, it has %d parts, want %d", got, parts)
	}
	h.config.State.Write(state.Change{Kind: jobPartKind, Key: "large 2 0"})
	if _, err := New(Config{State: restartedState(t, h)}); err == nil || !strings.Contains(err.Error(), "job large: its part 0 is missing") {
		t.Errorf("a part is missing: %v", err)
	}
}

// What anybody was shown of a running job outlives a kill: each outcome as it was, and only the open ones have failed.
func TestRestartKeepsOutcomesOfARunningJob(t *testing.T) {
	h := keepingHub(t)
	for i := range 2*keptBurst + 10 {
		id := fmt.Sprintf("many-%04d", i)
		if err := h.AddDevice(Device{ID: id}); err != nil {
			t.Fatal(err)
		}
		attachAs(t, h, id, &replier{200, fmt.Sprintf(`{"n":%d}`, i%7)}, wire.MethodFeed)
	}
	connect(t, h.AttachDevice, wire.MethodFeed) // dev-1 never answers
	attachAs(t, h, "dev-2", &replier{200, `"many-0001"`}, wire.MethodFeed)
	s := newService(t, h)
	s.put("j", pingJob)
	(&bench{T: t, hub: h}).eventually("the job to have all but one", func() bool {
		s := s.get("j").Statistics
		return s.Running == 1 && s.Pending == 0
	})
	const ended = "jobId = 'j' AND status != 'running'"
	shown := s.rows(ended)
	again := restarted(t, restarted(t, h))
	after := newService(t, again)
	if got := after.rows("jobId = 'j' AND deviceId != 'dev-1'"); len(shown) < 2*keptBurst || !reflect.DeepEqual(got, shown) {
		t.Errorf("%d rows after a restart, %d were shown; or they are not the same:\n%v", len(got), len(shown), got)
	}
	if got := after.rows("jobId = 'j' AND error.code = 'JobInterrupted'"); len(got) != 1 {
		t.Errorf("interrupted: %v", got)
	}
	for r := range again.config.State.Records() {
		if r.Kind == jobRowsKind {
			t.Errorf("%s is left of a job that has ended", r.Key)
		}
	}
}

func TestOutcomesThatCannotBeKeptAreNotShown(t *testing.T) {
	h := keepingHub(t)
	attachAs(t, h, "dev-2", &replier{200, `1`}, wire.MethodFeed)
	connect(t, h.AttachDevice, wire.MethodFeed) // dev-1 never answers
	newService(t, h).put("j", pingJob)
	finished := func() (n int) {
		h.jobs.mu.Lock()
		defer h.jobs.mu.Unlock()
		return len(h.jobs.byID["j"].unkept.rows)
	}
	(&bench{T: t, hub: h}).eventually("dev-2 to have answered", func() bool { return finished() == 1 })
	h.config.State.Close()
	s := newService(t, h)
	query := string(encodeJSON(queryBody{"SELECT * FROM devices.jobs"}))
	for _, a := range []httpAnswer{s.do("POST", "/devices/query", query), s.do("GET", "/jobs/v2/j", ""), s.do("GET", "/jobs/v2/query", "")} {
		if a.status != http.StatusInternalServerError {
			t.Errorf("%+v", a)
		}
	}
}
