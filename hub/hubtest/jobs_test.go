package hubtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/wire"
)

// What jobs did to devices is rows, page by page, the same over REST and in the same process.
func TestRowsOfJobs(t *testing.T) {
	c := clock.RealSpeed(speed)
	s := newSimulator(t, c)
	for i := range 25 {
		if err := s.AddDevice(simulator.Device{ID: fmt.Sprintf("d-%02d", i), Tags: map[string]any{"n": i}}); err != nil {
			t.Fatal(err)
		}
	}
	runJob(t, s, c)
	over, inside := pages(t, openAzure(t, s, c)), pages(t, s.Client())
	if !reflect.DeepEqual(over, inside) {
		t.Errorf("over REST %v\nin process %v", over, inside)
	}
	if len(over) != 24 || over[0]["deviceId"] != "d-01" || over[0]["status"] != "completed" || over[23]["jobType"] != "scheduleUpdateTwin" {
		t.Errorf("%d rows: %v", len(over), over)
	}
}

// runJob runs a job for 24 of the devices to its end.
func runJob(t *testing.T, s *simulator.Hub, c clock.Clock) {
	t.Helper()
	entry, err := s.ConnectionString("service")
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, body string) string {
		r := httptest.NewRequest(method, "/jobs/v2/j?api-version=2021-04-12", strings.NewReader(body))
		r.Header.Set("Authorization", wire.NewToken("localhost", "service", entry.Key, c.Now().Add(time.Hour)))
		w := httptest.NewRecorder()
		if s.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
		return w.Body.String()
	}
	call("PUT", `{"type":"scheduleUpdateTwin","queryCondition":"tags.n > 0","updateTwin":{"tags":{"done":true}}}`)
	for end := time.Now().Add(10 * time.Second); !strings.Contains(call("GET", ""), `"status":"completed"`); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(call("GET", ""))
		}
	}
}

func pages(t *testing.T, h hub.Queries) (rows []map[string]any) {
	t.Helper()
	q := hub.Query{Text: "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'j'", PageSize: 10}
	for {
		page, err := h.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if page.Twins != nil || len(page.Rows) > 10 {
			t.Fatalf("%+v", page)
		}
		rows = append(rows, page.Rows...)
		if q.Continuation = page.Continuation; q.Continuation == "" {
			return rows
		}
	}
}
