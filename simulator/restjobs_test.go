package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A service speaks REST to a hub in the same process, so also in virtual time.
type service struct {
	testing.TB
	hub   *Hub
	token string
}

func newService(tb testing.TB, h *Hub) *service {
	tb.Helper()
	cs, err := h.ConnectionString("service")
	if err != nil {
		tb.Fatal(err)
	}
	far := h.clock.Now().Add(10 * 365 * 24 * time.Hour)
	return &service{tb, h, wire.NewToken("localhost", "service", cs.Key, far)}
}

func (s *service) do(method, path, body string, headers ...string) httpAnswer {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	r := httptest.NewRequest(method, path+separator+"api-version=2021-04-12", strings.NewReader(body))
	r.Header.Set("Authorization", s.token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.hub.Handler().ServeHTTP(w, r)
	return httpAnswer{w.Code, w.Header(), w.Body.String()}
}

func (s *service) job(answer httpAnswer) (doc jobDoc) {
	s.Helper()
	if answer.status != 200 {
		s.Fatalf("%d %s", answer.status, answer.body)
	}
	if err := json.Unmarshal([]byte(answer.body), &doc); err != nil {
		s.Fatal(err)
	}
	return doc
}

func (s *service) put(id, body string) jobDoc {
	s.Helper()
	return s.job(s.do("PUT", "/jobs/v2/"+id, body))
}

func (s *service) get(id string) jobDoc {
	s.Helper()
	return s.job(s.do("GET", "/jobs/v2/"+id, ""))
}

// ended waits for a job to end.
func (s *service) ended(ctx context.Context, id string) jobDoc {
	s.Helper()
	for range 10000 {
		if doc := s.get(id); doc.Status.ended() {
			return doc
		}
		if err := clock.Sleep(ctx, s.hub.clock, time.Second); err != nil {
			s.Fatal(err)
		}
	}
	s.Fatalf("job %s does not end: %+v", id, s.get(id))
	panic("unreachable")
}

// rows are what devices.jobs has of a job.
func (s *service) rows(where string) (rows []map[string]any) {
	s.Helper()
	token := ""
	for {
		body := string(encodeJSON(queryBody{"SELECT * FROM devices.jobs WHERE " + where}))
		answer := s.do("POST", "/devices/query", body, "x-ms-continuation", token, "x-ms-max-item-count", "1000")
		var page []map[string]any
		if err := json.Unmarshal([]byte(answer.body), &page); err != nil || answer.header.Get("x-ms-item-type") != "DeviceJob" {
			s.Fatalf("%d %s %s", answer.status, answer.header.Get("x-ms-item-type"), answer.body)
		}
		rows = append(rows, page...)
		if token = answer.header.Get("x-ms-continuation"); token == "" {
			return rows
		}
	}
}

// One life of a job of each type, byte for byte.
func TestRESTJobConversation(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		s := newService(t, h)
		(&scripted{loop: l, delay: func(wire.MethodRequest) time.Duration { return 1500 * time.Millisecond }}).attach(t, ctx, h, "dev-1", wire.MethodFeed)
		for i, step := range []struct {
			method, path, body string
			sleep              time.Duration
			want               string
		}{
			{"PUT", "/jobs/v2/reboot-1", `{"jobId":"reboot-1","type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"reboot","payload":{"n": 1e2,"t":"<ä>"},"responseTimeoutInSeconds":30},` +
				`"queryCondition":"deviceId IN ['dev-1','dev-2']","startTime":null,"maxExecutionTimeInSeconds":60}`, 0,
				`200 {"jobId":"reboot-1","queryCondition":"deviceId IN ['dev-1','dev-2']","createdTime":"T+0.000","startTime":"T+0.000","maxExecutionTimeInSeconds":60,"type":"scheduleDeviceMethod",` +
					`"cloudToDeviceMethod":{"methodName":"reboot","payload":{"n":1e2,"t":"<ä>"},"responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0},"status":"queued",` +
					`"deviceJobStatistics":{"deviceCount":0,"failedCount":0,"succeededCount":0,"runningCount":0,"pendingCount":0}}`},
			{"GET", "/jobs/v2/reboot-1", "", time.Second,
				`200 {"jobId":"reboot-1","queryCondition":"deviceId IN ['dev-1','dev-2']","createdTime":"T+0.000","startTime":"T+0.000","maxExecutionTimeInSeconds":60,"type":"scheduleDeviceMethod",` +
					`"cloudToDeviceMethod":{"methodName":"reboot","payload":{"n":1e2,"t":"<ä>"},"responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0},"status":"running",` +
					`"deviceJobStatistics":{"deviceCount":2,"failedCount":1,"succeededCount":0,"runningCount":1,"pendingCount":0}}`},
			{"POST", "/jobs/v2/reboot-1/cancel", "", 0,
				`400 OperationNotAllowedInCurrentState ErrorCode:OperationNotAllowedInCurrentState;Job cannot be cancelled in 'Running' status.`},
			{"POST", "/devices/query", `{"query":"SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'reboot-1'"}`, time.Second,
				`200 DeviceJob [{"createdDateTimeUtc":"T+0.000","deviceId":"dev-1","endTimeUtc":"T+1.500","jobId":"reboot-1","jobType":"scheduleDeviceMethod","lastUpdatedDateTimeUtc":"T+1.500",` +
					`"outcome":{"deviceMethodResponse":{"payload":{"n":1e2,"t":"<ä>"},"status":200}},"startTimeUtc":"T+0.000","status":"completed"},` +
					`{"createdDateTimeUtc":"T+0.000","deviceId":"dev-2","endTimeUtc":"T+0.000","error":{"code":"DeviceNotOnline","description":"Timed out waiting for device to connect."},` +
					`"jobId":"reboot-1","jobType":"scheduleDeviceMethod","lastUpdatedDateTimeUtc":"T+0.000","startTimeUtc":"T+0.000","status":"failed"}]`},
			{"POST", "/jobs/v2/reboot-1/cancel", "", 0,
				`400 OperationNotAllowedInCurrentState ErrorCode:OperationNotAllowedInCurrentState;Job cannot be cancelled in 'Completed' status.`},
			{"PUT", "/jobs/v2/reboot-1", `{"type":"scheduleUpdateTwin","updateTwin":{},"queryCondition":"*"}`, 0,
				`409 JobAlreadyExists ErrorCode:JobAlreadyExists;A job with ID 'reboot-1' already exists.`},
			{"PUT", "/jobs/v2/tags", `{"jobId":"tags","type":"scheduleUpdateTwin","updateTwin":{"tags":{"site":"x"},"properties":{"desired":{"a":null}},"etag":"*"},"queryCondition":"*","startTime":"2030-01-01T00:00:00Z"}`, 0,
				`200 {"jobId":"tags","queryCondition":"*","createdTime":"T+2.000","startTime":"2030-01-01T00:00:00.0000000Z","maxExecutionTimeInSeconds":3600,"type":"scheduleUpdateTwin",` +
					`"updateTwin":{"tags":{"site":"x"},"properties":{"desired":{"a":null}},"etag":"*"},"status":"scheduled",` +
					`"deviceJobStatistics":{"deviceCount":0,"failedCount":0,"succeededCount":0,"runningCount":0,"pendingCount":0}}`},
			{"POST", "/devices/query", `{"query":"SELECT * FROM devices.jobs WHERE jobId = 'tags'"}`, 0, `200 DeviceJob []`},
			{"POST", "/jobs/v2/tags/cancel", "", 3 * time.Second,
				`200 {"jobId":"tags","queryCondition":"*","createdTime":"T+2.000","startTime":"2030-01-01T00:00:00.0000000Z","endTime":"T+5.000","maxExecutionTimeInSeconds":3600,"type":"scheduleUpdateTwin",` +
					`"updateTwin":{"tags":{"site":"x"},"properties":{"desired":{"a":null}},"etag":"*"},"status":"cancelled",` +
					`"deviceJobStatistics":{"deviceCount":0,"failedCount":0,"succeededCount":0,"runningCount":0,"pendingCount":0}}`},
			{"POST", "/jobs/v2/tags/cancel", "{}", 0,
				`400 OperationNotAllowedInCurrentState ErrorCode:OperationNotAllowedInCurrentState;Job cannot be cancelled in 'Cancelled' status.`},
			{"GET", "/jobs/v2/none", "", 0, `404 JobNotFound ErrorCode:JobNotFound;Job with ID 'none' not found.`},
			{"POST", "/jobs/v2/none/cancel", "", 0, `404 JobNotFound ErrorCode:JobNotFound;Job with ID 'none' not found.`},
			{"GET", "/jobs/v2/query?jobStatus=failed", "", 0, `200 JobResponse []`},
		} {
			if err := clock.Sleep(ctx, l, step.sleep); err != nil {
				t.Fatal(err)
			}
			if got := sinceStart(s.do(step.method, step.path, step.body)); got != step.want {
				t.Errorf("step %d, %s %s:\n got %s\nwant %s", i, step.method, step.path, got, step.want)
			}
		}
	})
}

// sinceStart is an answer on a line, with times as seconds since the clock began.
func sinceStart(a httpAnswer) string {
	body := a.body
	var e errorBody
	if json.Unmarshal([]byte(body), &e) == nil && e.Message != "" {
		body = e.Message
	}
	body = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z`).ReplaceAllStringFunc(body, func(text string) string {
		at, err := time.Parse(time.RFC3339, text)
		if since := at.Sub(day1); err == nil && since >= 0 && since < time.Hour {
			return fmt.Sprintf("T+%.3f", since.Seconds())
		}
		return text
	})
	line := fmt.Sprint(a.status, " ")
	for _, name := range []string{"iothub-errorcode", "x-ms-item-type"} {
		if v := a.header.Get(name); v != "" {
			line += v + " "
		}
	}
	return line + body
}

// What no job can be, and no list of jobs.
func TestRESTJobRefused(t *testing.T) {
	h := newHub(t, Config{})
	s := newService(t, h)
	c := &caller{TB: t, hub: h}
	const method = `"type":"scheduleDeviceMethod","queryCondition":"*","cloudToDeviceMethod":`
	const update = `"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":`
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	for _, body := range []string{
		``, `x`, `[]`, `"a"`, `null`, `{}`, `{"a":`, `{` + update + `{}} {}`, "{" + update + `{"tags":{"a":"` + "\xff" + `"}}}`,
		`{"jobId":"other",` + update + `{}}`, `{"jobId":5,` + update + `{}}`,
		`{"type":"scheduleTwinUpdate","queryCondition":"*","updateTwin":{}}`, `{"type":"scheduleDirectMethod","queryCondition":"*","cloudToDeviceMethod":{"methodName":"a"}}`,
		`{"type":"export","queryCondition":"*"}`, `{"type":null,"queryCondition":"*"}`, `{"queryCondition":"*","updateTwin":{}}`,

		`{"type":"scheduleUpdateTwin","updateTwin":{}}`, `{"type":"scheduleUpdateTwin","updateTwin":{},"queryCondition":null}`, `{"type":"scheduleUpdateTwin","updateTwin":{},"queryCondition":""}`,
		`{"type":"scheduleUpdateTwin","updateTwin":{},"queryCondition":"SELECT * FROM devices"}`,
		`{"type":"scheduleUpdateTwin","updateTwin":{},"queryCondition":"FROM devices.jobs WHERE jobId = 'a'"}`,
		`{"type":"scheduleUpdateTwin","updateTwin":{},"queryCondition":"LOWER(deviceId) = 'a'"}`,
		`{"type":"scheduleUpdateTwin","updateTwin":{},"queryCondition":"` + strings.Repeat("(", 8000) + `"}`,
		`{"type":"scheduleUpdateTwin","updateTwin":{},"queryCondition":["dev-1"]}`,

		`{` + method + `null}`, `{` + method + `[]}`, `{` + method + `{}}`, `{` + method + `{"methodName":"a b"}}`, `{` + method + `{"methodName":"a","responseTimeoutInSeconds":4}}`,
		`{` + method + `{"methodName":"a","connectTimeoutInSeconds":301}}`, `{` + method + `{"methodName":"a","payload":"` + strings.Repeat("x", maxMethodBody) + `"}}`,
		`{"type":"scheduleDeviceMethod","queryCondition":"*","updateTwin":{}}`,

		`{` + update + `null}`, `{` + update + `5}`, `{` + update + `{"tags":{"a.b":1}}}`, `{` + update + `{"tags":[]}}`, `{` + update + `{"etag":5}}`, `{` + update + deep + `}`,
		`{"type":"scheduleUpdateTwin","queryCondition":"*","cloudToDeviceMethod":{"methodName":"a"}}`,

		`{` + update + `{},"startTime":"tomorrow"}`, `{` + update + `{},"startTime":5}`, `{` + update + `{},"startTime":"2024-13-01T00:00:00Z"}`,
		`{` + update + `{},"maxExecutionTimeInSeconds":-1}`, `{` + update + `{},"maxExecutionTimeInSeconds":1e300}`, `{` + update + `{},"maxExecutionTimeInSeconds":"60"}`,
		`{` + update + `{"tags":{"a":"` + strings.Repeat("x", maxBody) + `"}}}`,
	} {
		a := s.do("PUT", "/jobs/v2/j", body)
		if c.wantError(a, 400, "ArgumentInvalid", 400004); t.Failed() {
			t.Fatalf("%.200s: %s", body, a.body)
		}
	}
	for _, id := range []string{"a_b", "a%20b", "query", "a.b", strings.Repeat("x", 65), "%C3%A4", "a%2Fb"} {
		c.wantError(s.do("PUT", "/jobs/v2/"+id, `{`+update+`{}}`), 400, "ArgumentInvalid", 400004)
	}
	for _, path := range []string{"query?jobType=import", "query?jobStatus=done", "query?jobType=%00"} {
		c.wantError(s.do("GET", "/jobs/v2/"+path, ""), 400, "ArgumentInvalid", 400004)
	}
	for _, headers := range [][]string{{"x-ms-max-item-count", "0"}, {"x-ms-continuation", "abc"}} {
		c.wantError(s.do("GET", "/jobs/v2/query", "", headers...), 400, "ArgumentInvalid", 400004)
		c.wantError(s.do("POST", "/devices/query", `{"query":"SELECT * FROM devices.jobs"}`, headers...), 400, "ArgumentInvalid", 400004)
	}
	forged := bookmark{Size: 5, After: "1/x"}
	in := inquiry{text: "jobs  "}
	mark, _ := in.bookmark()
	forged.Query = mark.Query
	c.wantError(s.do("GET", "/jobs/v2/query", "", "x-ms-continuation", forged.text()), 400, "ArgumentInvalid", 400004)
	for text, want := range map[string]string{
		"SELECT jobId FROM devices.jobs":                              "SELECT * only",
		"SELECT COUNT() AS n FROM devices.jobs":                       "SELECT * only",
		"SELECT * FROM devices.jobs WHERE tags.a = 1":                 "members of a job",
		"SELECT * FROM devices.jobs WHERE jobId = 'a' ORDER BY jobId": "no ORDER BY",
	} {
		a := s.do("POST", "/devices/query", string(encodeJSON(queryBody{text})))
		if c.wantError(a, 400, "ArgumentInvalid", 400004); !strings.Contains(a.body, want) || !strings.Contains(a.body, "col ") {
			t.Errorf("%s: %s", text, a.body)
		}
	}
	s.token = policyToken(t, h, "registryReadWrite", "localhost")
	if a := s.do("PUT", "/jobs/v2/j", `{`+update+`{}}`); a.status != 401 {
		t.Errorf("with the wrong policy: %+v", a)
	}
	if len(h.jobs.list) > 0 {
		t.Errorf("%d jobs were made", len(h.jobs.list))
	}
}

// What a job can be, beside what everybody writes.
func TestRESTJobAccepted(t *testing.T) {
	h := newHub(t, Config{Superset: true})
	s := newService(t, h)
	h.jobs.maxActive = 100
	for i, c := range []struct{ body, want string }{
		{`{"type":"scheduleUpdateTwin","queryCondition":"is_defined(deviceId)","updateTwin":{"deviceId":null,"etag":"*","tags":null}}`, `"status":"queued"`},
		{`{"type":"scheduleUpdateTwin","queryCondition":"FROM devices.modules WHERE moduleId = 'm'","updateTwin":{}}`, `"queryCondition":"FROM devices.modules WHERE moduleId = 'm'"`},
		{`{"type":"scheduleUpdateTwin","queryCondition":"LOWER(deviceId) = 'dev-1'","updateTwin":{},"more":1}`, `"updateTwin":{}`},
		{`{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{},"startTime":"0001-01-01T00:00:00","maxExecutionTimeInSeconds":0}`, `"maxExecutionTimeInSeconds":3600`},
		{`{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{},"startTime":"9999-12-31T23:59:59.9999999Z"}`, `"startTime":"9999-12-31T23:59:59.9999999Z"`},
		{`{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{},"startTime":"2300-01-01T02:00:00+02:00"}`, `"startTime":"2300-01-01T00:00:00.0000000Z"`},
		{`{"type":"scheduleDeviceMethod","queryCondition":"*","cloudToDeviceMethod":{"methodName":"a","connectTimeoutInSeconds":60}}`,
			`"cloudToDeviceMethod":{"methodName":"a","payload":null,"responseTimeoutInSeconds":30,"connectTimeoutInSeconds":60}`},
	} {
		if a := s.do("PUT", fmt.Sprintf("/jobs/v2/Job-%d", i), c.body); a.status != 200 || !strings.Contains(a.body, c.want) {
			t.Errorf("%s: %d %s, want %s", c.body, a.status, a.body, c.want)
		}
	}
}

// Cancel may come as a bare POST without a length.
func TestRESTCancelWithoutLength(t *testing.T) {
	c := newCaller(t, Config{})
	newService(t, c.hub).put("later", `{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{},"startTime":"2300-01-01T00:00:00Z"}`)
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /jobs/v2/later/cancel?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nConnection: close\r\n\r\n", c.token)
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") || !strings.Contains(string(answer), `"status":"cancelled"`) {
		t.Errorf("%s, %v", answer, err)
	}
}

// The list of jobs comes in pages, and can be asked for by type and status.
func TestRESTJobList(t *testing.T) {
	h := newHub(t, Config{})
	s := newService(t, h)
	for i := range 25 {
		body := `{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{},"startTime":"2300-01-01T00:00:00Z"}`
		if i%5 == 0 {
			body = `{"type":"scheduleDeviceMethod","queryCondition":"*","cloudToDeviceMethod":{"methodName":"a"},"startTime":"2300-01-01T00:00:00Z"}`
		}
		s.put(fmt.Sprintf("j%02d", i), body)
	}
	for _, id := range []string{"j03", "j10"} {
		if a := s.do("POST", "/jobs/v2/"+id+"/cancel", ""); a.status != http.StatusOK {
			t.Fatal(a)
		}
	}
	for query, want := range map[string]struct{ jobs, pages int }{
		"": {25, 4}, "?jobType=scheduleUpdateTwin": {20, 3}, "?jobStatus=Cancelled": {2, 1}, "?jobType=ScheduleDeviceMethod&jobStatus=scheduled": {4, 1},
		"?jobStatus=running": {0, 1}, "?jobStatus=unknown": {0, 1}, "?&jobType=&jobStatus=&pageSize=5": {25, 4},
	} {
		var ids []string
		token, pages := "", 0
		for more := true; more; more = token != "" {
			a := s.do("GET", "/jobs/v2/query"+query, "", "x-ms-max-item-count", "7", "x-ms-continuation", token)
			var docs []jobDoc
			if err := json.Unmarshal([]byte(a.body), &docs); err != nil || a.header.Get("x-ms-item-type") != "JobResponse" || len(docs) > 7 {
				t.Fatalf("%s: %d %s", query, a.status, a.body)
			}
			for _, d := range docs {
				ids = append(ids, d.JobID)
			}
			token = a.header.Get("x-ms-continuation")
			pages++
		}
		if len(ids) != want.jobs || pages != want.pages || strings.Join(ids, "") < "j" && want.jobs > 0 {
			t.Errorf("%s: %d jobs on %d pages, want %v: %v", query, len(ids), pages, want, ids)
		}
	}
}
