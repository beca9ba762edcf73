package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A simulation is a `twinbook simulate` of its own process.
type simulation struct {
	*testing.T
	command *exec.Cmd
	start   startJSON
	errors  *bytes.Buffer
	token   string
}

func simulate(t *testing.T, args ...string) *simulation {
	t.Helper()
	path, err := exec.LookPath("twinbook")
	if err != nil {
		t.Fatal(err)
	}
	s := &simulation{T: t, errors: &bytes.Buffer{}}
	s.command = exec.Command(path, append([]string{"simulate", "--output", "json", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"}, args...)...)
	s.command.Stderr = s.errors
	out, err := s.command.StdoutPipe()
	if err == nil {
		err = s.command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	lines := bufio.NewScanner(out)
	for s.start.Type != "started" {
		if !lines.Scan() {
			s.command.Wait()
			t.Fatalf("simulate ended before it had started: %s", s.errors)
		}
		if err := json.Unmarshal(lines.Bytes(), &s.start); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for lines.Scan() {
		}
	}()
	entry := mustParse(t, s.start.Policies["iothubowner"])
	s.token = wire.NewToken(entry.Host, entry.Policy, entry.Key, time.Now().Add(time.Hour))
	return s
}

func mustParse(t *testing.T, text string) wire.ConnectionString {
	t.Helper()
	entry, err := wire.ParseConnectionString(text)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// kill is kill -9.
func (s *simulation) kill() {
	s.command.Process.Kill()
	s.command.Wait()
}

// do makes a REST call; false if it got no answer.
func (s *simulation) do(method, path, body string, into any, ifMatch ...string) (answered bool) {
	r, err := http.NewRequest(method, "http://"+s.start.HTTP+path+"?api-version=2021-04-12", strings.NewReader(body))
	if err != nil {
		s.Error(err)
		return false
	}
	r.Header.Set("Authorization", s.token)
	r.Header["If-Match"] = ifMatch
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.Errorf("%s %s: %s", method, path, answer.Status)
		return false
	}
	return json.NewDecoder(answer.Body).Decode(into) == nil
}

type section struct {
	N       int
	Version int64 `json:"$version"`
}

type answeredTwin struct {
	Properties struct{ Desired, Reported section }
}

// A told is what this test was told by a simulator before it was killed.
type told struct {
	mu       sync.Mutex // guards what follows
	desired  map[string]section
	reported int64
	made     []string
	count    atomic.Int64
}

// ownReporter is a device that reports over MQTT, one report after another.
type ownReporter struct {
	answers chan wire.TwinResponse
	closed  chan struct{}
}

func (r *ownReporter) Receive(_ wire.Conn, m wire.Message) {
	if a, ok := m.(wire.TwinResponse); ok {
		r.answers <- a
	}
}

func (r *ownReporter) Closed(wire.Conn, error) { close(r.closed) }

func (s *simulation) connectOwn() (*ownReporter, wire.Conn) {
	s.Helper()
	r := &ownReporter{make(chan wire.TwinResponse, 10), make(chan struct{})}
	login := func(id string) (wire.ConnectionString, error) { return mustParse(s.T, s.start.Devices[id]), nil }
	conn, err := device.DialMQTT(clock.Real(), s.start.MQTT, login)(s.Context(), wire.Options{Identity: wire.Identity{Device: "mine"}}, r)
	if err != nil {
		s.Fatal(err)
	}
	return r, conn
}

func (s *simulation) report(t *told) {
	r, conn := s.connectOwn()
	if err := conn.Send(wire.Subscribe{Feeds: wire.MethodFeed | wire.TwinResponseFeed}); err != nil {
		s.Error(err)
	}
	for n := 0; conn.Send(wire.ReportedPatch{RID: "1", Body: fmt.Appendf(nil, `{"n":%d}`, n)}) == nil; n++ {
		select {
		case a := <-r.answers:
			t.mu.Lock()
			t.reported = a.Version
			t.mu.Unlock()
			t.count.Add(1)
		case <-r.closed:
			return
		}
	}
}

// write changes a twin, again and again.
func (s *simulation) write(t *told, id string) {
	for n := 0; ; n++ {
		var after answeredTwin
		if !s.do("PATCH", "/twins/"+id, fmt.Sprintf(`{"properties":{"desired":{"n":%d}}}`, n), &after) {
			return
		}
		t.mu.Lock()
		t.desired[id] = after.Properties.Desired
		t.mu.Unlock()
		t.count.Add(1)
	}
}

func (s *simulation) makeDevices(t *told, prefix string) {
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s-%d", prefix, n)
		if !s.do("PUT", "/devices/"+id, `{"deviceId":"`+id+`"}`, &struct{}{}) {
			return
		}
		t.mu.Lock()
		t.made = append(t.made, id)
		t.mu.Unlock()
		t.count.Add(1)
	}
}

// check asks a simulator for what another one had told before it was killed.
func (s *simulation) check(t *told) {
	s.Helper()
	for id, want := range t.desired {
		var now answeredTwin
		if !s.do("GET", "/twins/"+id, "", &now) {
			s.Fatalf("no twin of %s", id)
		}
		got := now.Properties.Desired // the last write may have been made, and not answered
		if more := got.Version - want.Version; more < 0 || more > 1 || got.N != want.N+int(more) {
			s.Errorf("desired of %s is %+v, and the service was told %+v", id, got, want)
		}
	}
	var now answeredTwin
	s.do("GET", "/twins/mine", "", &now)
	if got := now.Properties.Reported.Version; got < t.reported || got > t.reported+1 {
		s.Errorf("reported of mine is %d, and the device was told %d", got, t.reported)
	}
	for _, id := range t.made {
		if !s.do("GET", "/devices/"+id, "", &struct{}{}) {
			s.Errorf("device %s is gone", id)
		}
	}
}

const keptFleet = `
version: 1
simulator: kept
devices:
  - id: mine
    profile: idle
  - id: dev-${{ index }}
    count: 2
    profile: idle
    tags: { a: 1 }
profiles:
  idle: {}
`

// What a simulator has answered is there again after kill -9, in whatever it was killed.
func TestKilledSimulatorKeepsWhatItAnswered(t *testing.T) {
	dir := t.TempDir()
	file, kept := filepath.Join(dir, "simulator.yaml"), filepath.Join(dir, "kept")
	if err := os.WriteFile(file, []byte(keptFleet), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--state", kept, "--own", "mine", file}
	s := simulate(t, args...)
	for round := range 4 {
		told := &told{desired: map[string]section{}}
		var busy sync.WaitGroup
		busy.Go(func() { s.report(told) })
		for _, id := range []string{"dev-0", "dev-1", "mine"} {
			busy.Go(func() { s.write(told, id) })
		}
		busy.Go(func() { s.makeDevices(told, fmt.Sprint("made-", round)) })
		end := time.Now().Add(patience)
		for told.count.Load() < 200 && time.Now().Before(end) {
			time.Sleep(time.Millisecond)
		}
		s.kill()
		busy.Wait()
		if told.reported == 0 || len(told.made) == 0 || len(told.desired) != 3 {
			t.Fatalf("round %d: too little was done: %d reports, %d devices, %v", round, told.reported, len(told.made), told.desired)
		}
		before := s
		s = simulate(t, args...)
		if was, is := before.start.Devices["mine"], s.start.Devices["mine"]; mustParse(t, was).At("").String() != mustParse(t, is).At("").String() {
			t.Errorf("the connection string was %s and is %s", was, is)
		}
		s.check(told)
		_, conn := s.connectOwn()
		if !conn.SessionPresent() {
			t.Error("the device's session is gone")
		}
		conn.Close()
	}
}

// A device whose identity was changed so that it cannot be simulated does not hold up the next start.
func TestLockedOutDevicesAreNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	file, kept := filepath.Join(dir, "simulator.yaml"), filepath.Join(dir, "kept")
	if err := os.WriteFile(file, []byte(keptFleet), 0o600); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, "--state", kept, file)
	s.do("PUT", "/devices/dev-0", `{"deviceId":"dev-0","status":"disabled"}`, &struct{}{}, "*")
	s.do("PUT", "/devices/dev-1", `{"deviceId":"dev-1","authentication":{"type":"certificateAuthority"}}`, &struct{}{}, "*")
	s.kill()
	s = simulate(t, "--state", kept, file)
	if len(s.start.Devices) != 2 || s.start.Devices["dev-1"] != "" {
		t.Errorf("connection strings %v, want those of mine and dev-0", s.start.Devices)
	}
	for id, want := range map[string]string{"mine": "Connected", "dev-0": "Disconnected", "dev-1": "Disconnected"} {
		var now struct{ ConnectionState string }
		if s.do("GET", "/twins/"+id, "", &now); now.ConnectionState != want {
			t.Errorf("%s is %s, want %s", id, now.ConnectionState, want)
		}
	}
}

// A simulator whose folder is taken away ends, and says why, once.
func TestSimulatorEndsWhenItsFolderIsGone(t *testing.T) {
	dir := t.TempDir()
	file, kept := filepath.Join(dir, "simulator.yaml"), filepath.Join(dir, "kept")
	if err := os.WriteFile(file, []byte(keptFleet), 0o600); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, "--state", kept, file)
	if err := os.RemoveAll(kept); err != nil {
		t.Skip(err) // Windows does not let an open file go
	}
	ended := make(chan error, 1)
	go func() { ended <- s.command.Wait() }()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		r, err := http.NewRequest("PATCH", "http://"+s.start.HTTP+"/twins/dev-0?api-version=2021-04-12", strings.NewReader(`{"tags":{"b":1}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", s.token)
		if answer, err := http.DefaultClient.Do(r); err == nil {
			answer.Body.Close()
		}
		select {
		case <-ended:
			text := s.errors.String()
			if code := s.command.ProcessState.ExitCode(); code != exitFailed || strings.Count(text, "records.log was removed or replaced") != 1 {
				t.Errorf("exit code %d: %s", code, text)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("it does not end")
}
