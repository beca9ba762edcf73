package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

const (
	pingJob = `{"type":"scheduleDeviceMethod","queryCondition":"*","cloudToDeviceMethod":{"methodName":"ping"}}`
	siteJob = `{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{"tags":{"site":"x"},"properties":{"desired":{"a":1}}}}`
)

// with puts more members into a job.
func with(body, members string) string { return strings.TrimSuffix(body, "}") + "," + members + "}" }

func at(t time.Time) string { return `"startTime":"` + t.Format(time.RFC3339) + `"` }

func sleep(t *testing.T, ctx context.Context, l *clock.Loop, d time.Duration) {
	t.Helper()
	if err := clock.Sleep(ctx, l, d); err != nil {
		t.Fatal(err)
	}
}

// answering is a device that answers after a time, or never.
func answering(l *clock.Loop, after time.Duration) *scripted {
	return &scripted{loop: l, delay: func(wire.MethodRequest) time.Duration { return after }}
}

// A job begins at its time, and is for the devices that match then.
func TestJobSchedule(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		s := newService(t, h)
		start := l.Now().Add(48 * time.Hour)
		s.put("night", with(siteJob, at(start)))
		sleep(t, ctx, l, 48*time.Hour-time.Nanosecond)
		if doc := s.get("night"); doc.Status != jobScheduled || doc.End != "" {
			t.Errorf("before its time: %+v", doc)
		}
		if err := h.AddDevice(Device{ID: "new"}); err != nil {
			t.Fatal(err)
		}
		dev := answering(l, 0)
		dev.attach(t, ctx, h, "new", wire.DesiredFeed)
		sleep(t, ctx, l, time.Second)
		doc := s.get("night")
		if doc.Status != jobCompleted || doc.Start != timeText(start) || doc.End != timeText(start) || doc.Statistics != (jobStatistics{Devices: 3, Succeeded: 3}) {
			t.Errorf("after its time: %+v", doc)
		}
		twin, err := h.Client().Twin(ctx, hub.Target{Device: "new"})
		if err != nil || twin.Tags["site"] != "x" || len(dev.told) != 2 || dev.told[0] != `{"$version":2,"a":1}` {
			t.Errorf("%+v %v, told %q", twin.Tags, err, dev.told)
		}
		for _, row := range s.rows("devices.jobs.jobId = 'night'") {
			if row["status"] != "completed" || row["startTimeUtc"] != timeText(start) || row["outcome"] != nil || row["error"] != nil {
				t.Errorf("row %v", row)
			}
		}
	})
}

// What has not begun can be cancelled, and then never begins.
func TestJobCancel(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		s := newService(t, h)
		s.put("now", siteJob)
		s.put("later", with(siteJob, at(l.Now().Add(time.Hour))))
		for _, id := range []string{"now", "later"} { // no time has passed, so neither has begun
			if doc := s.job(s.do("POST", "/jobs/v2/"+id+"/cancel", "")); doc.Status != jobCancelled || doc.End == "" {
				t.Errorf("%+v", doc)
			}
		}
		sleep(t, ctx, l, 2*time.Hour)
		if n := len(s.rows("is_defined(jobId)")); n > 0 || s.get("now").Status != jobCancelled || h.jobs.active != 0 {
			t.Errorf("%d rows, %+v, %d active", n, s.get("now"), h.jobs.active)
		}
		if v, err := h.readTwin("dev-1"); err != nil || v.twin.version != 2 {
			t.Errorf("a cancelled job wrote: version %d, %v", v.twin.version, err)
		}
	})
}

// Each device ends as its own call would have.
func TestJobOutcomes(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		devices := map[string]wire.Receiver{
			"good": answering(l, time.Second), "silent": answering(l, -1), "bad": &replier{200, "no JSON"},
			"infinite": &replier{200, "[1e999]"}, "angry": &replier{500, `"angry"`}, "empty": &replier{204, ""}, "deaf": nil, "late": nil,
		}
		for id, r := range devices {
			if err := h.AddDevice(Device{ID: id, Tags: map[string]any{"t": 1}}); err != nil {
				t.Fatal(err)
			}
			feeds := wire.MethodFeed
			if id == "deaf" {
				feeds, r = wire.DesiredFeed, answering(l, 0)
			}
			if r != nil {
				attachAs(t, h, id, r, feeds)
			}
		}
		l.After(20*time.Second, func() { attachAs(t, h, "late", answering(l, time.Second), wire.MethodFeed) })
		s := newService(t, h)
		s.put("j", `{"type":"scheduleDeviceMethod","queryCondition":"tags.t = 1","cloudToDeviceMethod":{"methodName":"m","payload":7,"responseTimeoutInSeconds":10,"connectTimeoutInSeconds":30}}`)
		doc := s.ended(ctx, "j")
		if want := (jobStatistics{Devices: 8, Failed: 4, Succeeded: 4}); doc.Status != jobCompleted || doc.Statistics != want || doc.End != timeText(day1.Add(30*time.Second)) {
			t.Errorf("%+v, want %+v", doc, want)
		}
		var got []string
		for _, row := range s.rows("jobId = 'j'") {
			what, _ := json.Marshal(row["outcome"])
			if e, failed := row["error"].(map[string]any); failed {
				what = []byte(e["code"].(string))
			}
			end, err := time.Parse(time.RFC3339, row["endTimeUtc"].(string))
			got = append(got, fmt.Sprintf("%s %s after %v: %s %v", row["deviceId"], row["status"], end.Sub(day1), what, err))
		}
		want := []string{
			`angry completed after 0s: {"deviceMethodResponse":{"payload":"angry","status":500}} <nil>`,
			`bad failed after 0s: GenericBadGateway <nil>`,
			`deaf failed after 30s: DeviceNotOnline <nil>`,
			`empty completed after 0s: {"deviceMethodResponse":{"payload":null,"status":204}} <nil>`,
			`good completed after 1s: {"deviceMethodResponse":{"payload":7,"status":200}} <nil>`,
			`infinite failed after 0s: GenericBadGateway <nil>`,
			`late completed after 21s: {"deviceMethodResponse":{"payload":7,"status":200}} <nil>`,
			`silent failed after 10s: GatewayTimeout <nil>`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for id := range devices {
			if d := h.devices.get(id); len(d.waiting) > 0 || d.session != nil && len(d.session.calls) > 0 {
				t.Errorf("%s: %d wait, %v", id, len(d.waiting), d.session)
			}
		}
		if n := len(s.rows("outcome.deviceMethodResponse.status >= 500 OR error.code = 'GatewayTimeout'")); n != 2 {
			t.Errorf("%d rows by outcome and error", n)
		}
	})
}

// A replier answers every method at once.
type replier struct {
	status int
	body   string
}

func (r *replier) Receive(c wire.Conn, m wire.Message) {
	if m, ok := m.(wire.MethodRequest); ok {
		c.Send(wire.MethodResponse{RID: m.RID, Status: r.status, Body: []byte(r.body)})
	}
}

func (*replier) Closed(wire.Conn, error) {}

func attachAs(t testing.TB, h *Hub, id string, r wire.Receiver, feeds wire.Feeds) {
	t.Helper()
	c, err := h.AttachDevice(context.Background(), wire.Options{Identity: wire.Identity{Device: id}}, r)
	if err == nil {
		err = c.Send(wire.Subscribe{Feeds: feeds})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// When a job's time is up it has failed, and so have the devices it was not done with.
func TestJobTimeUp(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		s := newService(t, h)
		slow := answering(l, 8*time.Second)
		slow.attach(t, ctx, h, "dev-1", wire.MethodFeed)
		s.put("j", `{"type":"scheduleDeviceMethod","queryCondition":"*","maxExecutionTimeInSeconds":5,"cloudToDeviceMethod":{"methodName":"m","connectTimeoutInSeconds":300}}`)
		sleep(t, ctx, l, 6*time.Second)
		doc := s.get("j")
		if doc.Status != jobFailed || !strings.Contains(doc.Failure, "5 seconds") || doc.End != timeText(day1.Add(5*time.Second)) || doc.Statistics != (jobStatistics{Devices: 2, Failed: 2}) {
			t.Errorf("%+v", doc)
		}
		sleep(t, ctx, l, 10*time.Minute) // a late answer and a late device change nothing
		(answering(l, 0)).attach(t, ctx, h, "dev-2", wire.MethodFeed)
		sleep(t, ctx, l, time.Minute)
		if again := s.get("j"); !reflect.DeepEqual(again, doc) {
			t.Errorf("%+v, was %+v", again, doc)
		}
		if rows := s.rows("error.code = 'JobExecutionTimeExceeded'"); len(rows) != 2 {
			t.Errorf("%v", rows)
		}
		for _, id := range []string{"dev-1", "dev-2"} {
			if d := h.devices.get(id); len(d.waiting)+len(d.session.calls) > 0 {
				t.Errorf("%s is still called", id)
			}
		}
	})
}

// The pace is kept; a device that is gone when its turn comes fails.
func TestJobPace(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		for i := range 100 {
			if err := h.AddDevice(Device{ID: fmt.Sprintf("p-%02d", i), Tags: map[string]any{"p": true}}); err != nil {
				t.Fatal(err)
			}
		}
		next := l.Now()
		h.jobs.pace = func() time.Duration { // ten a second
			if wait := next.Sub(l.Now()); wait > 0 {
				return wait
			}
			next = l.Now().Add(100 * time.Millisecond)
			return 0
		}
		s := newService(t, h)
		s.put("j", strings.Replace(siteJob, `"*"`, `"tags.p = true"`, 1))
		sleep(t, ctx, l, 5*time.Second+time.Millisecond)
		if got, want := s.get("j").Statistics, (jobStatistics{Devices: 100, Succeeded: 51, Pending: 49}); got != want {
			t.Errorf("after 5s: %+v, want %+v", got, want)
		}
		if rows := s.rows("jobId = 'j' AND status = 'pending'"); len(rows) != 49 || rows[0]["startTimeUtc"] != nil || rows[0]["endTimeUtc"] != nil {
			t.Errorf("%d pending rows: %v", len(rows), rows[0])
		}
		if err := h.remove("p-99", ""); err != nil {
			t.Fatal(err)
		}
		doc := s.ended(ctx, "j")
		if want := (jobStatistics{Devices: 100, Failed: 1, Succeeded: 99}); doc.Status != jobCompleted || doc.Statistics != want || doc.End != timeText(day1.Add(9900*time.Millisecond)) {
			t.Errorf("%+v", doc)
		}
		if rows := s.rows("status = 'failed'"); len(rows) != 1 || rows[0]["deviceId"] != "p-99" ||
			fmt.Sprint(rows[0]["error"]) != "map[code:DeviceNotFound description:Device p-99 not registered.]" {
			t.Errorf("%v", rows)
		}
	})
}

// A job may be for modules; what it does to them is under the ids of both.
func TestJobOfModules(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		for _, id := range []wire.Identity{{Device: "dev-1", Module: "m"}, {Device: "dev-1", Module: "n"}, {Device: "dev-2", Module: "m"}} {
			if _, err := h.register(registration{id: id, create: true}); err != nil {
				t.Fatal(err)
			}
		}
		c, err := h.AttachDevice(ctx, wire.Options{Identity: wire.Identity{Device: "dev-1", Module: "m"}}, &replier{200, "1"})
		if err == nil {
			err = c.Send(wire.Subscribe{Feeds: wire.MethodFeed})
		}
		if err != nil {
			t.Fatal(err)
		}
		s := newService(t, h)
		s.put("j", strings.Replace(pingJob, `"*"`, `"FROM devices.modules WHERE moduleId = 'm'"`, 1))
		if got, want := s.ended(ctx, "j").Statistics, (jobStatistics{Devices: 2, Failed: 1, Succeeded: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		for where, want := range map[string]string{
			"jobId = 'j'":                               "dev-1/m completed, dev-2/m failed, ",
			"jobId = 'j' AND deviceId = 'dev-1'":        "dev-1/m completed, ",
			"jobId = 'j' AND moduleId = 'm'":            "dev-1/m completed, dev-2/m failed, ",
			"jobId = 'j' AND deviceId IN ['dev-1/m']":   "",
			"jobId IN ['j', 'k'] AND status = 'failed'": "dev-2/m failed, ",
		} {
			got := ""
			for _, row := range s.rows(where) {
				got += fmt.Sprintf("%v/%v %v, ", row["deviceId"], row["moduleId"], row["status"])
			}
			if got != want {
				t.Errorf("%s: %s, want %s", where, got, want)
			}
		}
	})
}

// An etag in the patch must be that of the twin.
func TestJobEtag(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		s := newService(t, h)
		s.put("first", strings.Replace(siteJob, `"*"`, `"deviceId = 'dev-1'"`, 1))
		s.ended(ctx, "first")
		s.put("second", `{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{"etag":"AAAAAAAAAAE=","tags":{"b":1}}}`)
		if got, want := s.ended(ctx, "second").Statistics, (jobStatistics{Devices: 2, Failed: 1, Succeeded: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if rows := s.rows("jobId = 'second' AND error.code = 'PreconditionFailed'"); len(rows) != 1 || rows[0]["deviceId"] != "dev-1" {
			t.Errorf("%v", rows)
		}
	})
}

// So many jobs are active at once. One more to begin now is refused, one whose time comes waits its turn.
func TestJobsActive(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		h.jobs.maxActive = 2
		answering(l, 10*time.Second).attach(t, ctx, h, "dev-1", wire.MethodFeed)
		s := newService(t, h)
		s.put("c", with(pingJob, at(l.Now().Add(time.Second))))
		s.put("a", pingJob)
		s.put("b", pingJob)
		refused := s.do("PUT", "/jobs/v2/d", pingJob)
		(&caller{TB: t}).wantError(refused, 429, "ThrottlingMaxActiveJobCountExceeded", 429004)
		if again := refused.header.Get("Retry-After"); again != "10" {
			t.Errorf("Retry-After is %q", again)
		}
		sleep(t, ctx, l, 2*time.Second)
		if got := s.get("c").Status; got != jobQueued {
			t.Errorf("c is %s", got)
		}
		sleep(t, ctx, l, 9*time.Second)
		if got := s.get("a").Status + s.get("c").Status; got != jobCompleted+jobRunning {
			t.Errorf("a and c are %s", got)
		}
		s.put("d", pingJob)
		if s.ended(ctx, "c"); s.ended(ctx, "d").Statistics.Succeeded != 1 || h.jobs.active != 0 {
			t.Errorf("d: %+v, %d active", s.get("d"), h.jobs.active)
		}
	})
}

// Jobs are remembered for 30 days, and not more of them than fit.
func TestJobHistory(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		s := newService(t, h)
		s.put("old", siteJob)
		s.ended(ctx, "old")
		sleep(t, ctx, l, jobHistory-time.Minute)
		s.get("old")
		sleep(t, ctx, l, time.Hour)
		(&caller{TB: t}).wantError(s.do("GET", "/jobs/v2/old", ""), 404, "JobNotFound", 404002)
		if n := len(s.rows("jobId = 'old'")); n != 0 {
			t.Errorf("%d rows of a job that is forgotten", n)
		}
		s.put("old", siteJob) // its id is free

		later := with(siteJob, at(l.Now().Add(time.Hour)))
		for i := range maxJobs + 100 {
			id := fmt.Sprintf("j%d", i)
			sleep(t, ctx, l, 0) // a party that does not come back for long is taken for stuck
			s.put(id, later)
			if i%2 == 0 {
				s.do("POST", "/jobs/v2/"+id+"/cancel", "")
			}
		}
		for i := 0; s.do("PUT", fmt.Sprintf("/jobs/v2/k%d", i), later).status == 200; i++ {
			if sleep(t, ctx, l, 0); i > maxJobs {
				t.Fatal("there is no end of jobs")
			}
		}
		(&caller{TB: t}).wantError(s.do("PUT", "/jobs/v2/more", later), 403, "JobQuotaExceeded", 403003)
		if len(h.jobs.list) != maxJobs || len(h.jobs.byID) != maxJobs {
			t.Errorf("%d jobs are kept", len(h.jobs.list))
		}
	})
}

// Ten thousand devices, of which every tenth is away.
func TestJobOfThousands(t *testing.T) {
	const n = 10_000
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		for i := range n {
			id := fmt.Sprintf("m-%05d", i)
			if err := h.AddDevice(Device{ID: id, Tags: map[string]any{"m": i}}); err != nil {
				t.Fatal(err)
			}
			if i%10 > 0 {
				attachAs(t, h, id, answering(l, time.Duration(i%7)*time.Second), wire.MethodFeed)
			}
		}
		s := newService(t, h)
		s.put("j", strings.Replace(pingJob, `"*"`, `"is_defined(tags.m)"`, 1))
		doc := s.ended(ctx, "j")
		if want := (jobStatistics{Devices: n, Failed: n / 10, Succeeded: n - n/10}); doc.Statistics != want || doc.Status != jobCompleted {
			t.Errorf("%+v", doc)
		}
		rows, _ := allPages(t, h, "SELECT * FROM devices.jobs WHERE jobId = 'j'", 1000)
		for i, row := range rows {
			if row["deviceId"] != fmt.Sprintf("m-%05d", i) {
				t.Fatalf("row %d is of %v", i, row["deviceId"])
			}
		}
		if len(rows) != n || len(s.rows("jobId = 'j' AND deviceId IN ['m-00010', 'm-00011', 'x']")) != 2 {
			t.Errorf("%d rows", len(rows))
		}
		if _, failed := allPages(t, h, "SELECT * FROM devices.jobs WHERE jobId = 'j' AND status != 'completed'", 77); failed != n/10 {
			t.Errorf("%d devices failed, want %d", failed, n/10)
		}
	})
}

// The same jobs take the same course each time.
func TestJobsRepeat(t *testing.T) {
	course := func() (log string) {
		virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
			for i := range 40 {
				id := fmt.Sprintf("r-%d", i)
				if err := h.AddDevice(Device{ID: id}); err != nil {
					t.Fatal(err)
				}
				if i%5 > 0 {
					dev := answering(l, time.Duration(i%7)*time.Second)
					l.After(time.Duration(i%3)*time.Second, func() { attachAs(t, h, id, dev, wire.MethodFeed) })
				}
			}
			s := newService(t, h)
			call := `{"type":"scheduleDeviceMethod","queryCondition":"*","cloudToDeviceMethod":{"methodName":"m","responseTimeoutInSeconds":5,"connectTimeoutInSeconds":1}}`
			for i := range 4 {
				s.put(fmt.Sprintf("j%d", i), with(call, at(l.Now().Add(time.Duration(i)*time.Second))))
			}
			s.put("site", with(siteJob, at(l.Now().Add(2*time.Second))))
			sleep(t, ctx, l, time.Minute)
			log = fmt.Sprint(s.rows("is_defined(jobId)"))
		})
		return log
	}
	first := course()
	for range 3 {
		if course() != first {
			t.Fatal("the same jobs took another course")
		}
	}
}

func jobIDs(h *Hub) (ids []string) {
	h.withJobs(func(time.Time) {
		for _, j := range h.jobs.list {
			ids = append(ids, j.id)
		}
	})
	return ids
}

// A hub that is made anew from the records of another knows its jobs.
func TestJobRecords(t *testing.T) {
	var records [][]byte
	var changed []string
	var before []map[string]any
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		h.jobs.save = func(id string, j *job) error {
			changed = append(changed, fmt.Sprint(id, " ", j.status))
			return nil
		}
		answering(l, 2*time.Second).attach(t, ctx, h, "dev-1", wire.MethodFeed)
		s := newService(t, h)
		s.put("ended", with(siteJob, `"maxExecutionTimeInSeconds":77`))
		s.put("later", with(pingJob, at(l.Now().Add(time.Hour))))
		s.ended(ctx, "ended")
		s.put("running", pingJob)
		sleep(t, ctx, l, time.Second)
		before = s.rows("jobId = 'ended'")
		h.withJobs(func(time.Time) {
			for _, j := range h.jobs.list {
				records = append(records, encodeJSON(j.record()))
			}
		})
	})
	want := []string{"ended queued", "later scheduled", "ended running", "ended completed", "running queued", "running running"}
	if !slices.Equal(changed, want) {
		t.Errorf("changed: %q", changed)
	}
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		answering(l, 0).attach(t, ctx, h, "dev-1", wire.MethodFeed)
		s := newService(t, h)
		for _, text := range slices.Backward(records) { // in any order
			var r jobRecord
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			if err := h.restoreJob(r); err != nil {
				t.Fatal(err)
			}
			if err := h.restoreJob(r); err == nil {
				t.Errorf("%s is there twice", r.ID)
			}
		}
		if got := jobIDs(h); !slices.Equal(got, []string{"ended", "later", "running"}) {
			t.Errorf("jobs %q", got)
		}
		if doc := s.get("ended"); doc.Status != jobCompleted || doc.Seconds != 77 || doc.Statistics.Succeeded != 2 || doc.End == "" {
			t.Errorf("%+v", doc)
		}
		if after := s.rows("jobId = 'ended'"); !reflect.DeepEqual(after, before) {
			t.Errorf("rows %v, were %v", after, before)
		}
		if doc := s.get("running"); doc.Status != jobFailed || !strings.Contains(doc.Failure, "restarted") || doc.Statistics != (jobStatistics{Devices: 2, Failed: 2}) {
			t.Errorf("%+v", doc)
		}
		if rows := s.rows("jobId = 'running' AND error.code = 'JobInterrupted'"); len(rows) != 1 || rows[0]["deviceId"] != "dev-1" {
			t.Errorf("%v", rows)
		}
		s.put("new", siteJob)
		if doc := s.ended(ctx, "later"); doc.Statistics.Succeeded != 1 || l.Now().Sub(day1) < time.Hour {
			t.Errorf("%+v at %v", doc, l.Now())
		}
		if got := jobIDs(h); !slices.Equal(got, []string{"ended", "later", "running", "new"}) {
			t.Errorf("jobs %q", got)
		}
	})
}

// What is no record is refused, and does no harm.
func TestJobRecordsRefused(t *testing.T) {
	h := newHub(t, Config{})
	good := jobRecord{ID: "a", Number: 1, Spec: json.RawMessage(siteJob), Status: jobCompleted, Devices: []string{"a", "b"}, Rows: [][5]uint32{{2}, {3, 1, 2, 3, 1}}, Texts: []string{"x"}}
	for name, spoil := range map[string]func(*jobRecord){
		"no id":         func(r *jobRecord) { r.ID = "" },
		"no number":     func(r *jobRecord) { r.Number = 0 },
		"no spec":       func(r *jobRecord) { r.Spec = nil },
		"bad spec":      func(r *jobRecord) { r.Spec = json.RawMessage(`{"type":"x"}`) },
		"rows missing":  func(r *jobRecord) { r.Rows = r.Rows[:1] },
		"out of order":  func(r *jobRecord) { r.Devices = []string{"b", "a"} },
		"unknown state": func(r *jobRecord) { r.Rows = [][5]uint32{{2}, {4}} },
		"no such text":  func(r *jobRecord) { r.Rows = [][5]uint32{{2}, {3, 0, 0, 0, 2}} },
	} {
		r := good
		if spoil(&r); h.restoreJob(r) == nil {
			t.Errorf("%s is a record", name)
		}
	}
	if err := h.restoreJob(good); err != nil || len(h.jobs.list) != 1 {
		t.Errorf("%d jobs, %v", len(h.jobs.list), err)
	}
}

// What devices answer takes bounded room, and the same answer takes room once.
func TestJobTextsAreBounded(t *testing.T) {
	ids := make([]string, 400)
	for i := range ids {
		ids[i] = fmt.Sprintf("d-%03d", i)
	}
	r := newJobRows(ids)
	r.counts[rowPending], r.counts[rowRunning] = 0, len(ids)
	for i := range ids {
		r.rows[i].status = rowRunning
		body := fmt.Appendf(nil, `"%s %s"`, ids[i], strings.Repeat("x", 100_000))
		if i%2 == 0 {
			body = fmt.Appendf(nil, `"%d%s"`, i, strings.Repeat("x", 100_000))
		}
		r.finish(i, answer{status: 200, payload: body}, 0)
	}
	if r.bytes > maxRowText || r.counts[rowCompleted] != len(ids) {
		t.Errorf("%d bytes, %v", r.bytes, r.counts)
	}
	if text, lost := r.text(399); lost || !strings.HasPrefix(text, `"d-399 xxx`) {
		t.Errorf("a common answer is lost: %.20s", text)
	}
	if _, lost := r.text(398); !lost {
		t.Error("there was room for all")
	}
	v := jobRowView{job: &job{jobSpec: jobSpec{kind: methodJob}, rows: r}, index: 398, row: r.rows[398], lost: true}
	if got := fmt.Sprint(v.doc()["outcome"]); got != "map[deviceMethodResponse:map[payload:<nil> payloadNotKept:true status:200]]" {
		t.Error(got)
	}
}

// A job of many devices stays small: a hundred thousand of them take 4 MB.
func TestJobsAreCheap(t *testing.T) {
	if testing.Short() {
		t.Skip("measures memory")
	}
	const n = 20_000
	h, _ := fleet(t, n)
	s := newService(t, h)
	run := func(id string) {
		s.put(id, pingJob)
		for end := time.Now().Add(6 * patience); !s.get(id).Status.ended(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%+v", s.get(id))
			}
		}
	}
	run("first") // after it devices hold what a first call leaves with them
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	run("j")
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
	t.Logf("%d bytes a device, %v", each, took)
	if got := s.get("j").Statistics; each > 64 || got.Succeeded != n {
		t.Errorf("%d bytes a device, %+v", each, got)
	}
}

// Jobs, their readers and devices that come and go, all at once.
func TestJobsRace(t *testing.T) {
	h, ids := fleet(t, 200)
	s := newService(t, h)
	h.jobs.save = func(_ string, j *job) error {
		if j != nil {
			j.record()
		}
		return nil
	}
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 20 {
				id := fmt.Sprintf("j-%d-%d", w, i)
				s.do("PUT", "/jobs/v2/"+id, []string{pingJob, siteJob, strings.Replace(pingJob, `"ping"`, `"ping","connectTimeoutInSeconds":1`, 1)}[i%3])
				s.do("POST", "/jobs/v2/"+id+"/cancel", "")
				s.do("GET", "/jobs/v2/query", "")
				s.rows("jobId = '" + id + "'")
				attachEcho(t, h, ids[w*20+i])
			}
		})
	}
	all.Wait()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		h.jobs.mu.Lock()
		active := h.jobs.active
		h.jobs.mu.Unlock()
		if active == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d jobs do not end", active)
		}
	}
}
