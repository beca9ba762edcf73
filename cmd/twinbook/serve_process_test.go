package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A serving is a twinbook serve in a process of its own.
type serving struct {
	t       testing.TB
	command *exec.Cmd
	url     string
	ready   chan struct{} // closed once it takes work
	over    chan struct{} // closed once it has ended

	mu  sync.Mutex // guards log
	log bytes.Buffer
}

// startServing starts a server in a folder; death is for twinbook-mortal, or empty. It does not wait until it is ready.
func startServing(t testing.TB, dir, death string, args ...string) *serving {
	t.Helper()
	s := &serving{t: t, ready: make(chan struct{}), over: make(chan struct{})}
	name := "twinbook"
	if death != "" {
		name = mortalName
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	s.command = exec.Command(path, append([]string{"serve", "--log-format", "json"}, args...)...)
	s.command.Dir = dir
	s.command.Env = append(os.Environ(), deathVariable+"="+death, "TWINBOOK_CONFIG=", "TWINBOOK_JOURNAL=", "XDG_STATE_HOME="+dir)
	s.start()
	return s
}

func (s *serving) start() {
	s.t.Helper()
	lines, err := s.command.StderrPipe()
	if err == nil {
		err = s.command.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	go s.listen(lines)
	s.t.Cleanup(s.kill)
}

// listen reads the log until the process has ended.
func (s *serving) listen(from io.Reader) {
	defer close(s.over)
	defer s.command.Wait()
	for lines := bufio.NewScanner(from); lines.Scan(); {
		var line struct{ Msg, URL string }
		s.mu.Lock()
		s.log.Write(append(lines.Bytes(), '\n'))
		s.mu.Unlock()
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
			s.url = line.URL
			close(s.ready)
		}
	}
}

func (s *serving) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// awaitReady waits until the server takes work. False: it has ended before.
func (s *serving) awaitReady() bool {
	s.t.Helper()
	select {
	case <-s.ready:
		return true
	case <-s.over:
		return false
	case <-time.After(patience):
		s.t.Fatalf("the server is not ready:\n%s", s.said())
	}
	return false
}

// mustReady is awaitReady for one that must live.
func (s *serving) mustReady() {
	s.t.Helper()
	if !s.awaitReady() {
		s.t.Fatalf("the server has ended with %d:\n%s", s.code(), s.said())
	}
}

// ends waits for the end and gives the exit code; -1: a signal has killed it.
func (s *serving) ends() int {
	s.t.Helper()
	select {
	case <-s.over:
	case <-time.After(patience):
		s.t.Fatalf("the server does not end:\n%s", s.said())
	}
	return s.code()
}

func (s *serving) code() int {
	<-s.over
	return s.command.ProcessState.ExitCode()
}

// kill is kill -9.
func (s *serving) kill() {
	s.command.Process.Kill()
	<-s.over
}

func (s *serving) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.command.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// awaitSaid waits until the log has a text.
func (s *serving) awaitSaid(text string) {
	s.t.Helper()
	for late := time.Now().Add(patience); !strings.Contains(s.said(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("the log does not say %q:\n%s", text, s.said())
		}
	}
}

// do sends a request with a JSON body and decodes the answer; an error is that there was no whole answer.
func do(method, url, body string, into any, header ...string) (status int, err error) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	if into != nil && len(text) > 0 {
		err = json.Unmarshal(text, into)
	}
	return answer.StatusCode, err
}

// freeAddress is one of this machine that nobody listens on, for servers that follow each other.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// servedFolder is a folder with a configuration, whose hub nobody needs, and workflows by name.
func servedFolder(t *testing.T, serve string, workflows map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{
		"hub.secret":    "HostName=127.0.0.1:1;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0",
		"twinbook.yaml": "version: 1\nhubs: { none: { type: azure, connectionString: { file: hub.secret } } }\ndefaultHub: none\njournal: { file: journal.db }\n" + serve,
	})
	for name, steps := range workflows {
		writeAll(t, dir, map[string]string{"workflows/" + name + ".yaml": fmt.Sprintf("version: 1\nworkflow: %s\n%s", name, steps)})
	}
	return dir
}

func writeAll(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
