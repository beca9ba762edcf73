package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Variables of the tests with clients from outside.
const (
	witnesses  = "TWINBOOK_WITNESSES"   // set: clients from outside are run, and one that cannot be is a failure
	ownNetwork = "TWINBOOK_OWN_NETWORK" // set: this process has a network of its own
)

// The ports are fixed in Azure's SDKs.
var sdkPorts = []string{"127.0.0.1:443", "127.0.0.1:8883"}

// TestNodeSDK runs Azure's own SDKs for Node, unchanged, against `twinbook simulate`: they are given
// connection strings and a CA to trust. The tests are in simulator/testdata/sdk-node, in JavaScript.
func TestNodeSDK(t *testing.T) {
	if os.Getenv(witnesses) == "" {
		t.Skipf("takes Node, the SDKs and half a minute; %s=1 asks for it", witnesses)
	}
	dir, err := filepath.Abs("../../simulator/testdata/sdk-node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("Node is not installed")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("Azure's SDKs are not installed: npm ci --prefix simulator/testdata/sdk-node")
	}
	if err := bindable(sdkPorts); err != nil {
		inOwnNetwork(t, err)
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.test.js"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	s := startSDKHub(t, dir)
	last := filepath.Join(dir, "restart.test.js") // it disturbs all others
	t.Run("all", func(t *testing.T) {
		for _, file := range files {
			if file != last {
				t.Run(filepath.Base(file), func(t *testing.T) { t.Parallel(); s.node(t, file) })
			}
		}
	})
	t.Run(filepath.Base(last), func(t *testing.T) { s.node(t, last) })
}

// bindable says why one of the addresses cannot be listened on.
func bindable(addresses []string) error {
	for _, a := range addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}

// inOwnNetwork runs the test again where every port is free and allowed: in a network namespace of its
// own, which Linux gives to everybody unless it was told not to.
func inOwnNetwork(t *testing.T, why error) {
	t.Helper()
	const up = `ip link set lo up && exec "$@"`
	if err := exec.Command("unshare", "-rn", "sh", "-c", up, "sh", "true").Run(); err != nil || os.Getenv(ownNetwork) != "" {
		t.Fatalf("%v; and a network of its own is not to be had: unshare -rn: %v", why, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "unshare", "-rn", "sh", "-c", up, "sh", self, "-test.v", "-test.run", flag.Lookup("test.run").Value.String())
	c.Env = append(os.Environ(), ownNetwork+"=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("in a network of its own, since %v\n%s", why, out)
	}
}

// An sdkHub is a simulator in a process of its own that can be started again.
type sdkHub struct {
	dir   string // of the tests
	state string // what the simulator keeps
	again string // a POST here starts it again

	mu      sync.Mutex // guards what follows
	command *exec.Cmd
	started string // its first line
	said    bytes.Buffer
}

func startSDKHub(t *testing.T, dir string) *sdkHub {
	t.Helper()
	s := &sdkHub{dir: dir, state: t.TempDir()}
	server := httptest.NewServer(http.HandlerFunc(s.restart))
	t.Cleanup(server.Close)
	s.again = server.URL
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the simulator said:\n%s", s.said.String())
		}
	})
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sdkHub) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.command = exec.Command("twinbook", "simulate", filepath.Join(s.dir, "simulator.yaml"), "--output", "json", "--own", "first",
		"--https", sdkPorts[0], "--mqtts", sdkPorts[1], "--state", s.state)
	s.command.Stderr = &s.said
	out, err := s.command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.command.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	stuck := time.AfterFunc(patience, func() { s.command.Process.Kill() })
	defer stuck.Stop()
	if s.started, err = lines.ReadString('\n'); err != nil {
		s.command.Wait()
		return fmt.Errorf("twinbook simulate did not start: %v\n%s", err, s.said.String())
	}
	go io.Copy(io.Discard, lines)
	return nil
}

func (s *sdkHub) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.command == nil || s.command.ProcessState != nil {
		return
	}
	s.command.Process.Signal(syscall.SIGTERM)
	stuck := time.AfterFunc(patience, func() { s.command.Process.Kill() })
	defer stuck.Stop()
	s.command.Wait()
}

func (s *sdkHub) restart(w http.ResponseWriter, _ *http.Request) {
	s.stop()
	if err := s.start(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// node runs one file of tests.
func (s *sdkHub) node(t *testing.T, file string) {
	var started struct{ CA string }
	if err := json.Unmarshal([]byte(s.started), &started); err != nil || started.CA == "" {
		t.Fatalf("the simulator's first line: %v\n%s", err, s.started)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	c := exec.CommandContext(ctx, "node", "--test-reporter=spec", file)
	c.Dir = s.dir
	c.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+started.CA, "TWINBOOK_SIMULATOR="+s.started, "TWINBOOK_RESTART="+s.again)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
}
