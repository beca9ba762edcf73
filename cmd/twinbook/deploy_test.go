//go:build linux

package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const unitFile = "docs/deploy/twinbook.service"

// The unit is what systemd takes for one, and its sandbox is as tight as the page about it says.
func TestDeployUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not here")
	}
	twinbook, err := exec.LookPath("twinbook")
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	writeAll(t, filepath.Dir(unit), map[string]string{filepath.Base(unit): strings.ReplaceAll(readPage(t, unitFile), "/usr/local/bin/twinbook", twinbook)})
	if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=15", unit).CombinedOutput(); err != nil {
		t.Errorf("its exposure is more than 1.5: %v\n%s", err, out)
	}
}

// The image has one file in it that needs no other. It is built as the Dockerfile builds it, and run as the Dockerfile
// has it run: without an environment, without rights, in a folder where nothing else is and nothing can be written.
func TestDeployImage(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	file := readPage(t, "Dockerfile")
	build := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*) -o /out/twinbook (\./cmd/twinbook)$`).FindStringSubmatch(file)
	if build == nil {
		t.Fatal("the Dockerfile builds nothing")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "twinbook")
	c := exec.Command("sh", "-c", build[1]+" -o "+binary+" "+build[2])
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkStatic(t, binary)
	if os.Getuid() != 0 {
		t.Skip("only root can run it in a folder of its own")
	}
	runInImage(t, dir, file)
}

func checkStatic(t *testing.T, binary string) {
	t.Helper()
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program needs others to run: %v", p.Type)
		}
	}
}

// runInImage starts a server in dir as the whole of the file system, with what the Dockerfile sets.
func runInImage(t *testing.T, dir, file string) {
	t.Helper()
	const user = 65532
	if !strings.Contains(file, "USER 65532:65532") || !strings.Contains(file, `ENTRYPOINT ["/twinbook"]`) || !strings.Contains(file, `CMD ["serve"]`) {
		t.Fatal("the Dockerfile is another one by now")
	}
	_, line := tokenLine("ci", "viewer")
	writeAll(t, dir, map[string]string{
		"etc/twinbook/twinbook.yaml":       "version: 1\nhubs: { none: { type: azure, connectionString: { env: HUB } } }\ndefaultHub: none\nserve:\n  tokens:\n" + line,
		"etc/twinbook/workflows/zone.yaml": "version: 1\nworkflow: zone\nschedules:\n  - { cron: \"30 2 * * *\", timezone: Europe/Berlin }\nsteps:\n  - log: x\n",
	})
	allow := func(mode os.FileMode, names ...string) {
		for _, name := range names {
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	allow(0o755, ".", "etc", "etc/twinbook", "etc/twinbook/workflows", "twinbook")
	allow(0o644, "etc/twinbook/twinbook.yaml", "etc/twinbook/workflows/zone.yaml")
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, user, user); err != nil {
		t.Fatal(err)
	}
	s := &serving{t: t, ready: make(chan struct{}), over: make(chan struct{})}
	s.command = exec.Command("/twinbook", "serve", "--log-format", "json", "--listen", "127.0.0.1:0")
	s.command.Dir = "/data"
	s.command.Env = []string{"HUB=HostName=127.0.0.1:1;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0"}
	s.command.Env = append(s.command.Env, regexp.MustCompile(`(TWINBOOK_(?:CONFIG|JOURNAL)=\S+)`).FindAllString(file, -1)...)
	s.command.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: user, Gid: user}}
	s.start()
	s.mustReady()
	if !strings.Contains(s.said(), "the next is zone/1 at") || !strings.Contains(s.said(), " CE") {
		t.Errorf("it does not know the time zone:\n%s", s.said())
	}
	if status, err := do("GET", s.url+"/readyz", "", nil); err != nil || status != 200 {
		t.Errorf("it is not ready: %d, %v", status, err)
	}
	if code := s.stopped(); code != exitOK {
		t.Errorf("it ended with %d:\n%s", code, s.said())
	}
	if _, err := os.Stat(filepath.Join(data, "journal.db")); err != nil {
		t.Error(err)
	}
}
