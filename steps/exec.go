package steps

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/warden"
)

var exec = engine.Define(engine.Spec{
	Name:    "exec",
	Summary: "run a command on the machine where twinbook runs",
	Doc: "Only commands that the [configuration](hubs.md#commands-that-exec-may-run) allows can be run. There is no shell: each argument reaches the command as it is. " +
		"Its environment is what `env` gives, a `PATH` of the system's folders and `TWINBOOK_KEY`, which names run and step and is the same in each attempt. " +
		"An exit code other than 0 is kind `rejected`, unless `expect` says otherwise. " +
		"When the step's time is up or the run is cancelled, the command and all that it has started are told to end (SIGTERM), and killed three seconds later; what it leaves running at its own end is ended, too. " +
		"The arguments can be seen by everybody on the machine, so a secret stands in `env` or `stdin`. It needs a timeout of its own, of a block around it or of the workflow. Not on Windows.",
	Example: `
- id: backup
  exec:
    command: backup
    args: [--site, "${{ inputs.city }}"]
  timeout: 10m
- log: "${{ steps.backup.stdout }}"`,
	Delivery:   engine.Once, // nobody knows what half a command has done
	MustBound:  true,        // a usual timeout would be too short for one command and end another half-way
	NoDevice:   true,
	Expect:     "response.exitCode == 0",
	ExpectText: "exit code 0",
}, runExec)

type execParams struct {
	Command string            `yaml:"command" required:"true" seen:"true" doc:"A command that the configuration allows, by its name there, or by its path if it has none."`
	Args    []string          `yaml:"args" seen:"true" doc:"Its arguments."`
	Stdin   any               `yaml:"stdin" doc:"What it reads: text as it is, anything else as JSON."`
	Env     map[string]string `yaml:"env" doc:"Variables of its environment; the configuration says which ones may be given."`
	Workdir string            `yaml:"workdir" seen:"true" default:"/" doc:"The folder it runs in, as an absolute path."`
}

type execResult struct {
	ExitCode  int    `json:"exitCode" doc:"Its exit code; 128 and the number of the signal that ended it."`
	Stdout    string `json:"stdout" doc:"What it wrote, without line breaks at the end; the first 64 KiB."`
	Stderr    string `json:"stderr" doc:"What it wrote as errors, without line breaks at the end; the last 64 KiB."`
	Truncated bool   `json:"truncated" doc:"Whether it wrote more than that."`
}

// An AllowedCommand is one that exec may run.
type AllowedCommand struct {
	Path string   // absolute
	Env  []string // names of variables that a workflow may give it: some make a program run other programs
}

// KeyVariable is the variable that tells a command which step of which run it is.
const KeyVariable = "TWINBOOK_KEY"

// usualPath is where a command finds others, unless the configuration lets workflows say so.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// longestExec is for commands whose time is bounded by a block around them; the planner ends them.
const longestExec = 365 * 24 * time.Hour

func runExec(ctx context.Context, env Env, p execParams) (execResult, error) {
	command, err := p.command(env)
	if err != nil {
		return execResult{}, err
	}
	limit := longestExec
	if env.Timeout > 0 {
		limit = env.Timeout + time.Second // ctx ends before
	}
	var result execResult
	err = env.Clock.Outside(ctx, limit, func(ctx context.Context) error {
		ended, err := warden.Run(ctx, command)
		result = env.execResult(ended)
		return p.failure(result, err)
	})
	return result, err
}

// command is what to run, if that is allowed.
func (p *execParams) command(env Env) (warden.Command, error) {
	allowed, ok := env.Commands[p.Command]
	if !ok {
		return warden.Command{}, refused("the configuration does not allow the command %s; it allows: %s", p.Command, AllowedNames(env.Commands))
	}
	if !filepath.IsAbs(p.Workdir) {
		return warden.Command{}, invalid("workdir %s is no absolute path", p.Workdir)
	}
	stdin, err := p.input()
	if err != nil {
		return warden.Command{}, invalid("stdin: %v", err)
	}
	variables := map[string]string{"PATH": usualPath, KeyVariable: env.Key}
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		if !slices.Contains(allowed.Env, name) {
			return warden.Command{}, refused("the configuration does not allow the variable %s for the command %s", name, p.Command)
		}
		variables[name] = p.Env[name]
	}
	if err := warden.CheckFile(allowed.Path); err != nil {
		return warden.Command{}, invalid("the command %s cannot be run: %v", p.Command, err)
	}
	c := warden.Command{Path: allowed.Path, Args: p.Args, Dir: p.Workdir, Stdin: stdin, Most: mostOutput + env.margin}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		c.Env = append(c.Env, name+"="+variables[name])
	}
	return c, nil
}

func (p *execParams) input() ([]byte, error) {
	switch content := p.Stdin.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(content), nil
	}
	return json.Marshal(p.Stdin)
}

// failure is why a command that was allowed has no exit code that counts.
func (p *execParams) failure(r execResult, err error) error {
	var start *warden.StartError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &start) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return invalid("the command %s was not started: %v", p.Command, err)
	}
	e := &hub.Error{Op: "run " + p.Command, Kind: hub.Interrupted, Sent: start == nil, Err: err}
	if errors.Is(err, context.DeadlineExceeded) {
		e.Kind = hub.Timeout
	}
	if said := lastLine(cmp.Or(r.Stderr, r.Stdout)); said != "" {
		e.Err = fmt.Errorf("the last it said was %q: %w", said, err)
	}
	return e
}

// AllowedNames are the names of commands, for people.
func AllowedNames(commands map[string]AllowedCommand) string {
	if len(commands) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(commands)), ", ")
}

func refused(format string, args ...any) error {
	return &engine.Error{Kind: engine.KindUnauthorized, Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &engine.Error{Kind: engine.KindInvalid, Message: fmt.Sprintf(format, args...)}
}
