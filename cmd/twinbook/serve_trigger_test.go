package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestServeTellsOfWebhooks has requests to a webhook that begin a run, that come again, and that nothing can be made of: numbers tell
// of all, and the log of those that failed.
func TestServeTellsOfWebhooks(t *testing.T) {
	dir := servedFolder(t, "", map[string]string{
		"hooked": "inputs: { device: { type: string } }\ntriggers:\n  - webhook: { id: redeploy }\n    inputs: { device: \"${{ run.trigger.payload.device }}\" }\nsteps:\n  - log: here\n",
	})
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	for _, try := range []struct {
		key, body string
		status    int
	}{{"a", `{"device":"x"}`, http.StatusCreated}, {"a", `{"device":"x"}`, http.StatusOK}, {"b", `{"unit":"x"}`, http.StatusUnprocessableEntity}, {"c", `{`, http.StatusBadRequest}} {
		if status, err := do("POST", s.url+"/api/v1/hooks/redeploy", try.body, nil, "Idempotency-Key", try.key); err != nil || status != try.status {
			t.Errorf("%s: %d, %v, want %d", try.body, status, err, try.status)
		}
	}
	s.awaitSaid(`The inputs of the webhook cannot be made of this`)
	s.awaitSaid(`"msg":"a webhook began no run","webhook":"redeploy","workflow":"hooked","by":"loopback","error":"The body is no JSON`)
	numbers := scrapeServer(t, s.url)
	for _, want := range []string{
		`twinbook_trigger_fires_total{result="fired",trigger="webhook"} 1`,
		`twinbook_trigger_fires_total{result="skipped",trigger="webhook"} 1`,
		`twinbook_trigger_fires_total{result="failed",trigger="webhook"} 2`,
	} {
		if !strings.Contains(numbers, want) {
			t.Errorf("the numbers do not have %s", want)
		}
	}
	s.stopped()
}

// TestServeSaysWhichTriggersAreBlind has a hub that nobody can reach, and two workflows that look at its twins.
func TestServeSaysWhichTriggersAreBlind(t *testing.T) {
	dir := servedFolder(t, "", map[string]string{
		"repair": "triggers:\n  - twin: { where: twin.reported.status == \"faulty\" }\nsteps:\n  - log: here\n",
		"clean":  "triggers:\n  - twin: { id: dirty, where: twin.reported.status == \"dirty\" }\nsteps:\n  - log: here\n",
	})
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	s.awaitSaid(`"level":"ERROR","msg":"the twins of a hub cannot be read, and triggers see nothing until then","hub":"none","trigger":"clean/dirty repair/1","error":`)
	s.awaitSaid(`"kind":"unavailable"`)
	s.stopped()
	if n := strings.Count(s.said(), "the twins of a hub cannot be read"); n != 1 || strings.Contains(s.said(), `:""`) {
		t.Errorf("it is told %d times, or something in it is empty:\n%s", n, s.said())
	}
}

// TestServeListsARunUnderTheHubOfItsWorkflow has a workflow that names another hub than the default one: answers, log and list say that.
func TestServeListsARunUnderTheHubOfItsWorkflow(t *testing.T) {
	dir := servedFolder(t, "", map[string]string{"elsewhere": "hub: other\nsteps:\n  - log: here\n"})
	writeAll(t, dir, map[string]string{
		"twinbook.yaml": "version: 1\nhubs:\n  none: { type: azure, connectionString: { file: hub.secret } }\n  other: { type: azure, connectionString: { file: hub.secret } }\ndefaultHub: none\njournal: { file: journal.db }\n",
	})
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	var began struct{ ID, Hub string }
	if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"elsewhere"}`, &began); err != nil || status != http.StatusCreated || began.Hub != "other" {
		t.Errorf("%d, %v, %+v", status, err, began)
	}
	s.awaitRun(began.ID, "succeeded")
	s.awaitSaid(`"workflow":"elsewhere","hub":"other"`)
	var list struct{ Runs []struct{ Hub string } }
	if status, err := do("GET", s.url+"/api/v1/runs", "", &list); err != nil || status != http.StatusOK || len(list.Runs) != 1 || list.Runs[0].Hub != "other" {
		t.Errorf("%d, %v, %+v", status, err, list)
	}
	s.stopped()
}
