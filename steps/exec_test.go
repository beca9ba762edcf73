//go:build unix

package steps_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/warden"
	"github.com/twinbook/twinbook/steps"
)

func TestMain(m *testing.M) {
	warden.Ward()
	os.Exit(m.Run())
}

// allow writes a shell script and lets exec run it as "tool".
func (b *bench) allow(script string, env ...string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "tool")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		b.Fatal(err)
	}
	b.world.Commands = map[string]steps.AllowedCommand{"tool": {Path: path, Env: env}, path: {Path: path}}
}

func TestExec(t *testing.T) {
	b := newBench(t, map[string]string{"token": "s3cr3t-token"})
	b.allow(`printf '%s|' "$@"; cat; echo "|$TOKEN|$TWINBOOK_KEY|$PATH|$(env | wc -l)|$PWD"; echo warn >&2; exit ${1%x}`, "TOKEN")
	got, err := b.do(`  - exec:
      command: tool
      args: ["0x", "${{ inputs.x }}", "--n=${{ 1 + 1 }}"]
      stdin: { token: "${{ secrets.token }}" }
      env: { TOKEN: "a ${{ secrets.token }}" }
      workdir: /tmp`, map[string]any{"x": "$(id); *"})
	// PWD is the shell's own; with it the environment has four variables.
	want := `0x|$(id); *|--n=2|{"token":"***"}|a ***|r1/exec@1|/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|4|/tmp`
	if err != nil || got["stdout"] != want || got["stderr"] != "warn" || got["exitCode"] != 0.0 || got["truncated"] != false {
		t.Errorf("got %v, %v\nwant stdout %s", got, err, want)
	}
	got, err = b.do(`  - exec: { command: tool, args: ["3"] }`, nil)
	if err != nil || got["exitCode"] != 3.0 {
		t.Errorf("an exit code is an answer, and what it means is the planner's: %v, %v", got, err)
	}
}

// TestExecRefuses: what the configuration does not allow is not run, whatever it is called.
func TestExecRefuses(t *testing.T) {
	b := newBench(t, nil)
	b.allow(`touch ` + filepath.Join(t.TempDir(), "ran"))
	path := b.world.Commands["tool"].Path
	dir, base := filepath.Split(path)
	t.Chdir(dir)
	t.Setenv("PATH", dir)
	for _, c := range []struct {
		step string
		kind engine.ErrorKind
		want string
	}{
		{`{ command: sh }`, engine.KindUnauthorized, "does not allow the command sh; it allows: "},
		{`{ command: /bin/sh }`, engine.KindUnauthorized, "does not allow"},
		{`{ command: ./` + base + ` }`, engine.KindUnauthorized, "does not allow"},
		{`{ command: /` + path + ` }`, engine.KindUnauthorized, "does not allow"},
		{`{ command: ` + dir + `./` + base + ` }`, engine.KindUnauthorized, "does not allow"},
		{`{ command: "tool " }`, engine.KindUnauthorized, "does not allow"},
		{`{ command: TOOL }`, engine.KindUnauthorized, "does not allow"},
		{`{ command: "tool; id" }`, engine.KindUnauthorized, "does not allow"},
		{`{ command: "${{ inputs.x }}" }`, engine.KindUnauthorized, "does not allow the command /bin/sh"},
		{`{ command: tool, env: { LD_PRELOAD: /tmp/x.so } }`, engine.KindUnauthorized, "the variable LD_PRELOAD"},
		{`{ command: tool, env: { PATH: /tmp } }`, engine.KindUnauthorized, "the variable PATH"},
		{`{ command: tool, workdir: tmp }`, engine.KindInvalid, "no absolute path"},
		{`{ command: tool, workdir: /nowhere }`, engine.KindInvalid, "was not started: workdir"},
		{`{ command: tool, args: ["a\0b"] }`, engine.KindInvalid, "NUL"},
	} {
		var failure *engine.Error
		_, err := b.do(`  - exec: `+c.step, map[string]any{"x": "/bin/sh"})
		if !errors.As(err, &failure) || failure.Kind != c.kind || failure.MaybeDone || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s: %s", c.step, err, c.kind, c.want)
		}
	}
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := b.do(`  - exec: { command: tool }`, nil); err == nil || !strings.Contains(err.Error(), "others may write to") {
		t.Errorf("a program that everybody may write to: %v", err)
	}
	b.world.Commands = nil
	if _, err := b.do(`  - exec: { command: tool }`, nil); err == nil || !strings.Contains(err.Error(), "it allows: none") {
		t.Errorf("without a configuration: %v", err)
	}
}

// TestExecShowsNoPartOfASecret: a secret that stands where the output is cut is not known any more by the half that is left.
func TestExecShowsNoPartOfASecret(t *testing.T) {
	const secret = "s3cr3t-that-is-quite-long-and-stands-everywhere"
	b := newBench(t, map[string]string{"token": secret})
	b.allow(`i=0; while [ $i -lt 2500 ]; do echo "$i $TOKEN $TOKEN"; echo "$i $TOKEN $TOKEN" >&2; i=$((i+1)); done`, "TOKEN")
	got, err := b.do(`  - exec: { command: tool, env: { TOKEN: "${{ secrets.token }}" } }`, nil)
	if err != nil || got["truncated"] != true {
		t.Fatalf("truncated %v, %v", got["truncated"], err)
	}
	for _, name := range []string{"stdout", "stderr"} {
		text := got[name].(string)
		for part := range strings.SplitSeq(strings.ReplaceAll(text, "*", ""), "\n") {
			if strings.ContainsAny(part, "s3cr") && strings.Trim(part, "0123456789 ") != "" {
				t.Errorf("%s has a part of the secret: %q", name, part)
			}
		}
		if len(text) < 5_000 || len(text) > 64<<10 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
	if !strings.HasPrefix(got["stdout"].(string), "0 *** ***\n1 ***") || !strings.HasSuffix(got["stderr"].(string), "\n2499 *** ***") {
		t.Errorf("stdout begins %.20q, stderr ends otherwise", got["stdout"])
	}
}

func TestExecOutputIsBounded(t *testing.T) {
	b := newBench(t, nil)
	b.allow(`head -c 300000 /dev/zero | tr '\0' 'a'; printf '\303\244\n\n'; head -c 70000 /dev/zero | tr '\0' '\377' >&2`)
	got, err := b.do(`  - exec: { command: tool }`, nil)
	if err != nil || got["stdout"] != strings.Repeat("a", 64<<10) || got["truncated"] != true {
		t.Errorf("%d bytes, truncated %v, %v", len(got["stdout"].(string)), got["truncated"], err)
	}
	if text := got["stderr"].(string); len(text) > 64<<10 || strings.Trim(text, "\uFFFD") != "" || text == "" {
		t.Errorf("stderr has %d bytes, which begin %.10q", len(text), text)
	}
}

func TestExecIsEnded(t *testing.T) {
	b := newBench(t, map[string]string{"token": "s3cr3t-token"})
	b.allow(`echo "working with $TOKEN"; sleep 1000`, "TOKEN")
	c := b.command(`  - exec: { command: tool, env: { TOKEN: "${{ secrets.token }}" } }
    timeout: 300ms`, nil)
	ctx, cancel := b.world.Clock.WithTimeout(t.Context(), c.Limit)
	defer cancel()
	_, err := b.world.Do(ctx, desk, c, func(string) {})
	var failure *hub.Error
	if !errors.As(err, &failure) || failure.Kind != hub.Timeout || !failure.Sent || !strings.Contains(err.Error(), `the last it said was "working with ***"`) {
		t.Errorf("when its time is up: %v", err)
	}
	ctx, stop := b.world.Clock.WithCancel(t.Context())
	stop()
	_, err = b.world.Do(ctx, desk, c, func(string) {})
	if !errors.As(err, &failure) || failure.Kind != hub.Interrupted || failure.Sent || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before it began: %v", err)
	}
}

func TestSecretsAreNotForArguments(t *testing.T) {
	for _, step := range []string{
		`{ command: tool, args: ["--token=${{ secrets.token }}"] }`, `{ command: "${{ secrets.token }}" }`, `{ command: tool, workdir: "/${{ secrets.token }}" }`,
	} {
		_, problems := engine.Compile("one.yaml", []byte("version: 1\nworkflow: one\ntimeout: 1h\nsteps:\n  - exec: "+step+"\n"), engine.Options{Types: steps.All().Types})
		if len(problems) != 1 || problems[0].Rule != "secret-place" {
			t.Errorf("%s: %v", step, problems)
		}
	}
	_, problems := engine.Compile("one.yaml", []byte("version: 1\nworkflow: one\nsteps:\n  - exec: { command: tool }\n"), engine.Options{Types: steps.All().Types})
	if len(problems) != 1 || problems[0].Rule != "unbounded-wait" {
		t.Errorf("without a timeout: %v", problems)
	}
}
