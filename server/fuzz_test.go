package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twinbook/twinbook/internal/record"
)

// answerTo gives a request to the server without a socket, and holds what every answer is against the answer.
func (r *rig) answerTo(t *testing.T, q *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	q.RemoteAddr, q.Host = "127.0.0.1:1", "localhost"
	q = q.WithContext(context.WithValue(q.Context(), http.LocalAddrContextKey, r.address))
	w := httptest.NewRecorder()
	r.Server.ServeHTTP(w, q)
	kind := w.Header().Get("Content-Type")
	switch {
	case w.Code == http.StatusInternalServerError:
		t.Fatalf("%s %s: %s", q.Method, q.URL, w.Body)
	case w.Code >= 400:
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || kind != "application/problem+json" || p.Status != w.Code {
			t.Fatalf("%s %s: %d %s %s", q.Method, q.URL, w.Code, kind, w.Body)
		}
	case kind == "application/json" && !json.Valid(w.Body.Bytes()):
		t.Fatalf("%s %s: %s", q.Method, q.URL, w.Body)
	}
	for _, c := range w.Body.String() {
		if c != '\n' && record.Hidden(c) {
			t.Fatalf("%s %s: the answer has the character %q: %q", q.Method, q.URL, c, w.Body)
		}
	}
	return w
}

// ended gives a run that has ended.
func (r *rig) ended() string {
	id := r.start("hello", nil)
	r.wait("the run has ended", func() bool { run, err := r.journal.Run(r.Context(), id); return err == nil && run.Status != "" })
	return id
}

// FuzzBodies sends any body to each route that takes one: it is taken or refused, and nothing else happens.
func FuzzBodies(f *testing.F) {
	r := open(f, option{})
	r.client = &http.Client{}
	run, waiting := r.ended(), r.start("wait", nil)
	paths := []string{
		"POST /api/v1/runs", "POST /api/v1/validate", "POST /api/v1/hooks/internal", "POST /api/v1/hooks/redeploy",
		"POST /api/v1/runs/" + run + "/cancel", "POST /api/v1/runs/" + run + "/retry", "POST /api/v1/runs/" + waiting + "/signal",
		"POST /api/v1/runs/" + waiting + "/approve", "POST /api/v1/runs/" + waiting + "/pause",
		"POST /api/v1/schedules/nightly/early/pause", "POST /api/v1/schedules/nightly/early/backfill",
		"PATCH /api/v1/devices/dev-2/twin", "POST /api/v1/devices/dev-2/methods/ping",
	}
	for i := range paths {
		for _, body := range []string{
			`{"workflow":"hello","inputs":{"name":"x","times":2}}`, `{"source":"version: 1\nworkflow: w\nsteps: []","files":{"a":"b"}}`,
			`{"name":"go","payload":[1,null,{"a":"\ud83d"}],"reason":"why"}`, `{"at":"ok","payload":{}}`, `{"from":"2026-01-01T00:00:00Z","to":"x"}`,
			`{"tags":{"a":null},"desired":{"b":{"c":1e308}}}`, `{"payload":1,"timeout":"5s","deliverWithin":"0s"}`, `{"again":["a","b"]}`, ``, `{`, `[[[[`, "\xff",
			`{"a":1,"a":2}`, `{"workflow":"\u0000\u009b\u202e"}`,
		} {
			f.Add(uint8(i), "application/json", []byte(body))
		}
		f.Add(uint8(i), "application/yaml", []byte("version: 1\nworkflow: w\nsteps:\n- log: hi\n"))
		f.Add(uint8(i), "", []byte(nil))
	}
	f.Fuzz(func(t *testing.T, i uint8, kind string, body []byte) {
		method, path, _ := strings.Cut(paths[int(i)%len(paths)], " ")
		q := httptest.NewRequest(method, path, bytes.NewReader(body))
		q.Header.Set("Content-Type", kind)
		r.answerTo(t, q)
	})
}

// FuzzQueries sends any parameters and headers to each route that reads: cursors, numbers, times, the last event of a
// stream, ETags and keys.
func FuzzQueries(f *testing.F) {
	r := open(f, option{})
	r.client = &http.Client{}
	run := r.ended()
	paths := []string{
		"/api/v1/runs", "/api/v1/runs/" + run, "/api/v1/runs/" + run + "/events", "/api/v1/workflows", "/api/v1/schedules/nightly/early/next",
		"/api/v1/devices", "/api/v1/devices/dev-1/twin", "/api/v1/audit", "/api/v1/nothing",
	}
	for i := range paths {
		f.Add(uint8(i), "limit=2&cursor="+cursor("runs", run), "", "", "")
		f.Add(uint8(i), "outcome=failed,unfinished&since=2h&queued=true", "Last-Event-ID", "1", "")
		f.Add(uint8(i), "after=1", "Accept", "text/event-stream;q=0.5, */*", "99")
		f.Add(uint8(i), "query=SELECT%20*%20FROM%20devices&hub=desk&module=m", "If-None-Match", `W/"x", *`, "-1")
		f.Add(uint8(i), "%zz&;&a=b=c&limit=1&limit=2", "If-Match", `"`, "1e9")
		f.Add(uint8(i), "cursor="+cursor("audit", "9223372036854775808")+"&who=%00%ff", "Accept", "text/event-stream", "0")
		f.Add(uint8(i), "n=1000", "Idempotency-Key", "\x7f", "")
	}
	f.Fuzz(func(t *testing.T, i uint8, query, name, value, last string) {
		u := &url.URL{Path: paths[int(i)%len(paths)], RawQuery: query}
		q := httptest.NewRequest("GET", "/", nil)
		q.URL = u
		q.Header.Set(name, value)
		if last != "" {
			q.Header.Set("Last-Event-Id", last)
		}
		r.answerTo(t, q)
	})
}

// FuzzCheckJSON: what passes is JSON for everybody else, too, and has its members once.
func FuzzCheckJSON(f *testing.F) {
	for _, text := range []string{`{"a":[{"b":"\"}"},2]}`, `"x"`, ` [ ] `, `{"a":1,"\u0061":2}`, `{"":{}}`, `[1,]`, `{"a" : "b:", "c":"\\"}`, strings.Repeat("[", 521) + strings.Repeat("]", 521)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		top, err := checkJSON(text)
		if err != nil {
			return
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") || !utf8.Valid(text) {
			t.Fatalf("%q: %v", text, err)
		}
		if object, ok := value.(map[string]any); ok != (top != nil) && err == nil || ok && len(object) != len(top) {
			t.Fatalf("%q has the members %q", text, top)
		}
	})
}
