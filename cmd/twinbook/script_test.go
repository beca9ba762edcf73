package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/twinbook/twinbook/internal/warden"
)

// patience is how long a script waits for a fact before it gives up.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	warden.Ward()
	testscript.Main(m, map[string]func(){"twinbook": func() { os.Exit(Main()) }, mortalName: mortal})
}

// TestScripts runs testdata/*.txtar: how the tool behaves, as its users see it. Each script starts in a
// folder that holds a copy of this repository's workflows and its configuration. Beside testscript's own
// commands there are:
//
//	exits CODE ARG…           run twinbook; its output goes to the files out and err
//	signal SIG CODE RE ARG…   the same, and send it SIG once a line of err meets RE; SIG may be twice: INT,INT
//	simulate FLAG… FILE       start twinbook simulate, without TLS unless a FLAG says at which addresses; the file started is its first line, $SERVICE
//	                          its connection string, $HTTPS, $MQTTS, $HTTP and $MQTT are its addresses
//	begin NAME RE ARG…        start twinbook in the background, and go on once a line of its err meets RE
//	seen NAME                 what it has said on err so far goes to the file err
//	await NAME CODE           wait until it has ended; its output goes to the files out and err
//	kill9 [NAME]              end it, or the simulator that was started last, as a power cut would
//	run-id VAR FILE           set VAR to the last id of a run in a file
//	own-device ID ANSWER      connect a device of one's own that answers methods with ANSWER
//	echo-server FILE…         start a web server that answers with what it was sent, and write its address for ECHO in files
//	zone HOURS                be so far east of UTC from now on
//	in-zone FILE RE           check that RE's group finds the present time there, as HH:MM
//	same-times FILE FILE      check that a document of run and one of show have the same beginning and end
//	until RE ARG…             run twinbook again and again until its out meets RE
//	normal FILE               replace ids, times and durations, which differ from run to run
//	normal-runs FILE          the same in what runs prints for people, and spaces between columns
func TestScripts(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("REPO", repo)
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, ".state"))
			env.Values[lastSimulator{}] = new(*exec.Cmd)
			env.Values[background{}] = map[string]*behind{}
			return copyRepo(env.WorkDir, repo)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": cmdExits, "signal": cmdSignal, "simulate": cmdSimulate, "begin": cmdBegin, "seen": cmdSeen, "await": cmdAwait, "kill9": cmdKill9, "run-id": cmdRunID,
			"own-device": cmdOwnDevice, "echo-server": cmdEchoServer, "normal": cmdNormal, "normal-runs": cmdNormalRuns, "until": cmdUntil,
			"zone": cmdZone, "in-zone": cmdInZone, "same-times": cmdSameTimes,
		},
	})
}

// copyRepo gives a script this repository's workflows and, unless it has its own, the configuration.
func copyRepo(work, repo string) error {
	if err := os.CopyFS(filepath.Join(work, "workflows"), os.DirFS(filepath.Join(repo, "workflows"))); err != nil {
		return err
	}
	config, err := os.ReadFile(filepath.Join(repo, defaultConfig))
	if err != nil {
		return err
	}
	if err := writeNew(filepath.Join(work, defaultConfig), string(config)); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// twinbook makes a command of the real binary in the script's folder and environment.
func twinbook(ts *testscript.TestScript, args ...string) *exec.Cmd {
	path, err := exec.LookPath("twinbook")
	ts.Check(err)
	c := exec.Command(path, args...)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"HOME", "PATH", "IOTHUB_CONNECTION_STRING", "TWINBOOK_CA", "TWINBOOK_HUB", "TWINBOOK_CONFIG", "TWINBOOK_OUTPUT", "TWINBOOK_JOURNAL", "XDG_STATE_HOME", "API_TOKEN", "GORACE", "TZ"} {
		if value := ts.Getenv(name); value != "" {
			c.Env = append(c.Env, name+"="+value)
		}
	}
	return c
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARG…")
	}
	var out, err bytes.Buffer
	c := twinbook(ts, args[1:]...)
	c.Stdout, c.Stderr = &out, &err
	if stdin, e := os.ReadFile(ts.MkAbs("stdin")); e == nil {
		c.Stdin = bytes.NewReader(stdin)
	}
	c.Run()
	keep(ts, out.Bytes(), err.Bytes())
	ended(ts, c, args[0])
}

func keep(ts *testscript.TestScript, out, err []byte) {
	ts.Check(os.WriteFile(ts.MkAbs("out"), out, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), err, 0o600))
	ts.Logf("[out]\n%s[err]\n%s", out, err)
}

func ended(ts *testscript.TestScript, c *exec.Cmd, want string) {
	if got := strconv.Itoa(c.ProcessState.ExitCode()); got != want {
		ts.Fatalf("twinbook %s: exit code %s, want %s", strings.Join(c.Args[1:], " "), got, want)
	}
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signal SIG CODE RE ARG…")
	}
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}
	c := twinbook(ts, args[3:]...)
	var out bytes.Buffer
	c.Stdout = &out
	progress, err := c.StderrPipe()
	ts.Check(err)
	ts.Check(c.Start())
	stuck := time.AfterFunc(patience, func() { c.Process.Kill() })
	defer stuck.Stop()
	seen := regexp.MustCompile(args[2])
	said := regexp.MustCompile("leaves at once")
	todo := strings.Split(args[0], ",")
	var all bytes.Buffer
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		if len(todo) > 0 && seen.MatchString(lines.Text()) {
			if seen == said {
				time.Sleep(2 * sameSignal) // sooner, it would be the first one again
			}
			ts.Check(c.Process.Signal(signals[todo[0]]))
			todo, seen = todo[1:], said
		}
	}
	c.Wait()
	keep(ts, out.Bytes(), all.Bytes())
	if len(todo) > 0 {
		ts.Fatalf("no line of err meets %v", seen)
	}
	ended(ts, c, args[1])
}

func cmdSimulate(ts *testscript.TestScript, neg bool, args []string) {
	flags := []string{"simulate", "--output", "json"}
	if all := strings.Join(args, " "); !strings.Contains(all, "--http") && !strings.Contains(all, "--mqtt") {
		flags = append(flags, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0")
	}
	c := twinbook(ts, append(flags, args...)...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	*ts.Value(lastSimulator{}).(**exec.Cmd) = c
	ts.Defer(func() {
		c.Process.Signal(syscall.SIGINT)
		c.Wait()
		if code := c.ProcessState.ExitCode(); code != 130 {
			ts.Logf("simulate ended with exit code %d, want 130", code)
		}
	})
	stuck := time.AfterFunc(patience, func() { c.Process.Kill() })
	defer stuck.Stop()
	var start startJSON
	lines := bufio.NewScanner(out)
	for start.Type != "started" {
		if !lines.Scan() {
			ts.Fatalf("simulate ended before it had started")
		}
		ts.Check(json.Unmarshal(lines.Bytes(), &start))
	}
	ts.Check(os.WriteFile(ts.MkAbs("started"), lines.Bytes(), 0o600))
	go func() {
		for lines.Scan() { // so that it never waits for us
		}
	}()
	for name, value := range map[string]string{
		"SERVICE": start.Policies["service"], "HTTPS": start.HTTPS, "MQTTS": start.MQTTS, "HTTP": start.HTTP, "MQTT": start.MQTT,
	} {
		ts.Setenv(name, value)
	}
	for id, entry := range start.Devices {
		ts.Setenv("DEVICE_"+id, entry)
	}
}

// lastSimulator is the key of the command that a script has started last.
type lastSimulator struct{}

// cmdKill9 waits for the end, since only then the system has freed what the process had.
func cmdKill9(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 {
		b := inBackground(ts, args[0])
		ts.Check(b.command.Process.Kill())
		<-b.read
		b.command.Wait()
		return
	}
	c := *ts.Value(lastSimulator{}).(**exec.Cmd)
	ts.Check(c.Process.Kill())
	c.Wait()
}

// background is the key of what a script has begun, by its names.
type background struct{}

// A behind is a twinbook in the background.
type behind struct {
	command *exec.Cmd
	out     bytes.Buffer
	read    chan struct{} // closed when all of err has been read

	mu  sync.Mutex // guards err
	err bytes.Buffer
}

func (b *behind) said() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.err.Bytes())
}

func (b *behind) hear(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintln(&b.err, line)
}

func inBackground(ts *testscript.TestScript, name string) *behind {
	b := ts.Value(background{}).(map[string]*behind)[name]
	if b == nil {
		ts.Fatalf("there is no %s in the background", name)
	}
	return b
}

func cmdBegin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: begin NAME RE ARG…")
	}
	b := &behind{command: twinbook(ts, args[2:]...), read: make(chan struct{})}
	b.command.Stdout = &b.out
	progress, err := b.command.StderrPipe()
	ts.Check(err)
	ts.Check(b.command.Start())
	ts.Value(background{}).(map[string]*behind)[args[0]] = b
	ts.Defer(func() {
		b.command.Process.Kill()
		<-b.read
		b.command.Wait()
	})
	wanted, met := regexp.MustCompile(args[1]), make(chan struct{})
	go func() {
		defer close(b.read)
		found := false
		for lines := bufio.NewScanner(progress); lines.Scan(); {
			b.hear(lines.Text())
			if !found && wanted.MatchString(lines.Text()) {
				found = true
				close(met)
			}
		}
	}()
	select {
	case <-met:
	case <-b.read:
		ts.Fatalf("%s has ended, and no line of its err meets %v:\n%s", args[0], wanted, b.said())
	case <-time.After(patience):
		b.command.Process.Kill()
		<-b.read
		ts.Fatalf("no line of %s meets %v:\n%s", args[0], wanted, b.said())
	}
}

func cmdSeen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: seen NAME")
	}
	ts.Check(os.WriteFile(ts.MkAbs("err"), inBackground(ts, args[0]).said(), 0o600))
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await NAME CODE")
	}
	b := inBackground(ts, args[0])
	stuck := time.AfterFunc(patience, func() { b.command.Process.Kill() })
	defer stuck.Stop()
	<-b.read
	b.command.Wait()
	keep(ts, b.out.Bytes(), b.said())
	ended(ts, b.command, args[1])
}

var runID = regexp.MustCompile(`\b1[0-9a-hjkmnp-tv-z]{13}\b`)

func cmdRunID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: run-id VAR FILE")
	}
	ids := runID.FindAllString(ts.ReadFile(args[1]), -1)
	if len(ids) == 0 {
		ts.Fatalf("%s names no run", args[1])
	}
	ts.Setenv(args[0], ids[len(ids)-1])
}

func cmdEchoServer(ts *testscript.TestScript, neg bool, args []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTeapot)
		json.NewEncoder(w).Encode(map[string]any{"path": r.URL.Path, "authorization": r.Header.Get("Authorization")})
	}))
	ts.Defer(server.Close)
	for _, file := range args {
		text := strings.ReplaceAll(ts.ReadFile(file), "ECHO", server.URL)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// What differs from run to run, and what stands for it.
var unstable = []struct {
	re *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3}`), "TIME"},
	{runID, "RUN"},
	{regexp.MustCompile(`"hash":( ?)"[0-9a-f]{64}"`), `"hash":$1"HASH"`},
	{regexp.MustCompile(`"etag":( ?)"[^"]*"`), `"etag":$1"ETAG"`},
	{regexp.MustCompile(`"waited":( ?)"[^"]*"`), `"waited":$1"TOOK"`},
	{regexp.MustCompile(`\b\d+(\.\d)? m?s\b`), "TOOK"},
}

func cmdNormal(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		text := ts.ReadFile(file)
		for _, u := range unstable {
			text = u.re.ReplaceAllString(text, u.as)
		}
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}
