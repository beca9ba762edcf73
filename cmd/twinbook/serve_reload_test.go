package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twinbook/twinbook/server/access"
	"github.com/twinbook/twinbook/simulator/authority"
)

// tokenLine is a token, and its line in a configuration.
func tokenLine(name, role string) (token, line string) {
	token, hash := access.NewToken()
	return token, fmt.Sprintf("    - { name: %s, hash: %q, roles: [%s] }\n", name, hash, role)
}

// SIGHUP: tokens, secrets, workflows and the level of the log are as the configuration says by then; what is wrong changes
// nothing; what takes a restart is said.
func TestServeReloads(t *testing.T) {
	sent := make(chan string, 10)
	witness := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent <- r.Header.Get("X-Key") }))
	defer witness.Close()
	old, oldLine := tokenLine("old", "admin")
	new, newLine := tokenLine("new", "operator")
	dir := servedFolder(t, "", map[string]string{"send": "steps:\n  - http: { method: POST, url: \"" + witness.URL + "\", headers: { X-Key: \"${{ secrets.key }}\" } }\n"})
	configure := func(listen, level, tokens string) {
		t.Helper()
		writeAll(t, dir, map[string]string{"twinbook.yaml": fmt.Sprintf("version: 1\nhubs: { none: { type: azure, connectionString: { file: hub.secret } } }\ndefaultHub: none\n"+
			"journal: { file: journal.db }\nsecrets: { key: { file: key.secret } }\nserve:\n  listen: %s\n  log: { level: %s }\n  tokens:\n%s", listen, level, tokens)})
	}
	writeAll(t, dir, map[string]string{"key.secret": "before-the-reload\n"})
	configure("127.0.0.1:0", "info", oldLine)
	s := startServing(t, dir, "")
	s.mustReady()
	send := func(token string, want int) {
		t.Helper()
		if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"send"}`, nil, "Authorization", "Bearer "+token); err != nil || status != want {
			t.Fatalf("%d, %v, want %d\n%s", status, err, want, s.said())
		}
	}
	reload := func(said string) {
		t.Helper()
		s.signal(syscall.SIGHUP)
		s.awaitSaid(said)
	}
	send(old, http.StatusCreated)
	send(new, http.StatusUnauthorized)
	if got := <-sent; got != "before-the-reload" {
		t.Errorf("sent %q", got)
	}

	configure("127.0.0.1:0", "info", "    - { name: x, hash: nonsense, roles: [] }\n")
	reload("the one before stays in use")
	send(old, http.StatusCreated)
	<-sent

	writeAll(t, dir, map[string]string{"key.secret": "after-the-reload\n", "workflows/more.yaml": "version: 1\nworkflow: more\nsteps:\n  - log: more\n"})
	configure("127.0.0.1:1", "debug", newLine)
	reload(`"keys":["serve.listen"]`)
	send(old, http.StatusUnauthorized)
	send(new, http.StatusCreated)
	if got := <-sent; got != "after-the-reload" {
		t.Errorf("sent %q", got)
	}
	if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"more"}`, nil, "Authorization", "Bearer "+new); err != nil || status != http.StatusCreated {
		t.Errorf("the new workflow: %d, %v", status, err)
	}
	for _, token := range []string{old, new} {
		if strings.Contains(s.said(), token) {
			t.Error("a token is in the log")
		}
	}
}

// Of a configuration that cannot be read nothing is taken, so nothing is said about what it may have meant.
func TestServeReloadsWhatCannotBeRead(t *testing.T) {
	dir := servedFolder(t, "serve: { workflows: elsewhere }\n", nil)
	writeAll(t, dir, map[string]string{"elsewhere/a.yaml": "version: 1\nworkflow: a\nsteps:\n  - log: a\n"})
	if err := os.RemoveAll(filepath.Join(dir, "workflows")); err != nil {
		t.Fatal(err)
	}
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	writeAll(t, dir, map[string]string{"twinbook.yaml": "version: 1\nnonsense: 1\n"})
	s.signal(syscall.SIGHUP)
	s.awaitSaid("missing-key")
	s.stopped()
	if n := strings.Count(s.said(), "the one before stays in use"); n != 1 {
		t.Errorf("%d lines say that it is wrong:\n%s", n, s.said())
	}
}

// The folder is followed: a workflow with a schedule that comes fires, and a file that breaks is told of.
func TestServeFollowsTheFolder(t *testing.T) {
	dir := servedFolder(t, "", map[string]string{"a": "steps:\n  - log: a\n"})
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	writeAll(t, dir, map[string]string{"workflows/tick.yaml": "version: 1\nworkflow: tick\nschedules:\n  - cron: \"@every 1s\"\nsteps:\n  - log: tick\n"})
	awaitRuns(t, s, "tick")
	writeAll(t, dir, map[string]string{"workflows/tick.yaml": "version: 1\nworkflow: tick\nschedules:\n  - cron: \"@every\"\nsteps:\n  - lgo: tick\n"})
	s.awaitSaid("file not in use")
	if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"tick"}`, nil); err != nil || status != http.StatusCreated {
		t.Errorf("the version before: %d, %v", status, err)
	}
	if err := os.Remove(filepath.Join(dir, "workflows", "tick.yaml")); err != nil {
		t.Fatal(err)
	}
	s.awaitSaid("workflow removed")
	if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"tick"}`, nil); err != nil || status != http.StatusUnprocessableEntity {
		t.Errorf("a workflow that is gone: %d, %v", status, err)
	}
}

// awaitRuns waits until a workflow has been run.
func awaitRuns(t *testing.T, s *serving, workflow string) {
	t.Helper()
	var list struct{ Runs []struct{ Status string } }
	for late := time.Now().Add(patience); len(list.Runs) == 0; time.Sleep(10 * time.Millisecond) {
		if status, err := do("GET", s.url+"/api/v1/runs?outcome=succeeded&workflow="+workflow, "", &list); err != nil || status != http.StatusOK || time.Now().After(late) {
			t.Fatalf("%d, %v\n%s", status, err, s.said())
		}
	}
}

// Twins and webhooks begin runs, on the hub that the configuration names.
func TestServeTriggers(t *testing.T) {
	dir := servedFolder(t, "", map[string]string{
		"twin": "triggers:\n  - twin: { where: twin.tags.site == \"berlin\" }\n    inputs: { device: \"${{ run.trigger.device }}\" }\ninputs: { device: { type: string } }\n" +
			"device: ${{ inputs.device }}\nsteps:\n  - getTwin: {}\n",
		"hook": "triggers:\n  - webhook: { id: redeploy, secret: hook }\nsteps:\n  - log: deployed\n",
	})
	writeAll(t, dir, map[string]string{
		"hook.secret":    "only-we-know",
		"simulator.yaml": "version: 1\nsimulator: plant\ntransport: attached\ndevices: [ { id: a, profile: p, tags: { site: berlin } }, { id: b, profile: p } ]\nprofiles: { p: {} }\n",
		"twinbook.yaml":  "version: 1\nhubs: { desk: { type: simulator, file: simulator.yaml } }\ndefaultHub: desk\njournal: { file: journal.db }\nsecrets: { hook: { file: hook.secret } }\n",
	})
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	awaitRuns(t, s, "twin")
	var list struct{ Runs []struct{ Device string } }
	if status, err := do("GET", s.url+"/api/v1/runs?workflow=twin", "", &list); err != nil || status != http.StatusOK || len(list.Runs) != 1 || list.Runs[0].Device != "a" {
		t.Errorf("%d, %v, %+v", status, err, list)
	}
	for secret, want := range map[string]int{"only-we-know": http.StatusCreated, "guessed": http.StatusUnauthorized} {
		if status, err := do("POST", s.url+"/api/v1/hooks/redeploy", `{"ref":"main"}`, nil, "Authorization", "Bearer "+secret); err != nil || status != want {
			t.Errorf("the webhook with %s: %d, %v", secret, status, err)
		}
	}
	awaitRuns(t, s, "hook")
}

// What a workflow needs and the configuration does not have is told of, and does not keep others from being served.
func TestServeWithoutASecret(t *testing.T) {
	dir := servedFolder(t, "secrets: { key: { file: key.secret } }\n", map[string]string{
		"a": "steps:\n  - log: a\n", "b": "steps:\n  - http: { method: POST, url: \"http://127.0.0.1:1\", headers: { X-Key: \"${{ secrets.key }}\" } }\n",
	})
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	s.awaitSaid("key.secret: no such file")
	for workflow, want := range map[string]int{"a": http.StatusCreated, "b": http.StatusUnprocessableEntity} {
		if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"`+workflow+`"}`, nil); err != nil || status != want {
			t.Errorf("%s: %d, %v", workflow, status, err)
		}
	}
	writeAll(t, dir, map[string]string{"key.secret": "here it is"})
	s.signal(syscall.SIGHUP)
	s.awaitSaid("file no longer faulty")
	if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"b"}`, nil); err != nil || status != http.StatusCreated {
		t.Errorf("b with its secret: %d, %v", status, err)
	}
}

// While the journal cannot be written, requests and probes are told so; when it can be again, all is well by itself.
func TestServeWithoutItsJournal(t *testing.T) {
	dir := servedFolder(t, "", map[string]string{"a": "steps:\n  - log: a\n"})
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	move("journal.db", "moved.db")
	answer, err := http.Post(s.url+"/api/v1/runs", "application/json", strings.NewReader(`{"workflow":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "30" {
		t.Errorf("whoever wants a run gets %d, %v", answer.StatusCode, answer.Header)
	}
	if status, err := do("GET", s.url+"/readyz", "", nil); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d, %v", status, err)
	}
	s.awaitSaid("the journal cannot be written")
	move("moved.db", "journal.db")
	s.awaitSaid("the journal can be written again")
	s.mustReady()
	if status, err := do("POST", s.url+"/api/v1/runs", `{"workflow":"a"}`, nil); err != nil || status != http.StatusCreated {
		t.Errorf("with its journal again: %d, %v", status, err)
	}
}

// systemd is told when the server is ready, reloads and ends.
func TestServeNotifies(t *testing.T) {
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	socket, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", address.Name)
	s := startServing(t, servedFolder(t, "", map[string]string{"a": "steps:\n  - log: a\n"}), "", "--listen", "127.0.0.1:0")
	expect := func(want string) {
		t.Helper()
		socket.SetReadDeadline(time.Now().Add(patience))
		text := make([]byte, 1000)
		n, err := socket.Read(text)
		if err != nil || !strings.HasPrefix(string(text[:n]), want) {
			t.Fatalf("told %q, %v, want %s", text[:n], err, want)
		}
	}
	expect("READY=1\nSTATUS=1 workflow at http://127.0.0.1:")
	s.signal(syscall.SIGHUP)
	expect("RELOADING=1\nMONOTONIC_USEC=")
	expect("READY=1")
	s.signal(syscall.SIGTERM)
	expect("STOPPING=1")
	s.ends()
}

// With a certificate and a token it serves others, and its files may be replaced.
func TestServeTLS(t *testing.T) {
	a, err := authority.Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	token, line := tokenLine("ci", "viewer")
	dir := servedFolder(t, "serve:\n  tls: { cert: cert.pem, key: key.pem }\n  tokens:\n"+line, map[string]string{"a": "steps:\n  - log: a\n"})
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	first := writeCertificate(t, dir, a)
	s := startServing(t, dir, "", "--listen", "0.0.0.0:0")
	s.mustReady()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.url, "https://"))
	serial := func() string {
		t.Helper()
		r, err := http.NewRequest("GET", "https://127.0.0.1:"+port+"/api/v1/workflows", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, s.said())
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("status %d", answer.StatusCode)
		}
		return answer.TLS.PeerCertificates[0].SerialNumber.String()
	}
	if got := serial(); got != first {
		t.Errorf("certificate %s, want %s", got, first)
	}
	second := writeCertificate(t, dir, a)
	s.signal(syscall.SIGHUP)
	s.awaitSaid("was read again")
	if got := serial(); got != second {
		t.Errorf("certificate %s after the reload, want %s", got, second)
	}
}

// writeCertificate writes a new certificate and its key, and gives its serial number.
func writeCertificate(t *testing.T, dir string, a *authority.Authority) (serial string) {
	t.Helper()
	pair, err := a.ServerCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, dir, map[string]string{
		"cert.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})),
		"key.pem":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	})
	return pair.Leaf.SerialNumber.String()
}
