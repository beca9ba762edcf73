package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
)

// An app is one call of the program: where it reads, where it writes, what it was told.
type app struct {
	in       io.Reader
	out, err io.Writer // results and progress
	env      func(name string) (string, bool)
	config   string // --config
	journal  string // --journal

	flush func(ctx context.Context) error // waits until out has what was written, and says why it has not

	outScreen, errScreen io.Writer // what out and err are in the end, if it matters
}

// run is the program without its process; it returns the exit code. ctx ends when the program is
// to end; its cause is an interrupted if a signal asked for it.
func run(ctx context.Context, args []string, in io.Reader, out, err io.Writer, env func(string) (string, bool)) int {
	s := newSpool(ctx)
	a := &app{in: in, out: s.to(out), err: s.to(err), env: env, outScreen: out, errScreen: err}
	a.flush = func(ctx context.Context) error { return s.flush(ctx, out) }
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	done, failure := root.ExecuteContextC(ctx)
	a.explain(failure)
	code := exitCode(failure)
	if lost := s.close(out); lost != nil && !(errors.Is(lost, syscall.EPIPE) && looks(done)) {
		fmt.Fprintf(err, "twinbook: the output could not be written: %v\n", lost)
		code = max(code, exitFailed)
	}
	return code
}

// looks says whether a command only shows something: a reader that has seen enough of it, such as head, loses
// nothing. What the others print is the only word of what they did, or was to be kept.
func looks(c *cobra.Command) bool {
	return !slices.Contains([]string{"run", "call", "simulate", "resume", "cancel", "retry", "export"}, c.Name())
}

// explain says what went wrong, unless that has been said.
func (a *app) explain(failure error) {
	var problems engine.Problems
	var path *fs.PathError
	switch {
	case failure == nil || failure.Error() == "":
	case errors.As(failure, &problems):
		io.WriteString(a.err, problems.Text())
	case errors.As(failure, &path) && path.Op == "open":
		fmt.Fprintf(a.err, "twinbook: %s: %v\n", path.Path, path.Err)
	default:
		fmt.Fprintf(a.err, "twinbook: %s\n", strings.TrimRight(failure.Error(), "\n"))
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "twinbook",
		Short:         "Runbooks for device fleets",
		Long:          "twinbook runs runbooks for device fleets: YAML files that say what to do to devices,\nwhat to wait for and what must then be true.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVar(&a.config, "config", "", "configuration file (default: twinbook.yaml, if there is one)")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; see: %s --help", err, c.CommandPath())
	})
	root.AddCommand(
		a.runCommand(),
		a.validateCommand(),
		a.planCommand(),
		a.runsCommand(),
		a.schedulesCommand(),
		a.devicesCommand(),
		a.simulateCommand(),
		a.serveCommand(),
		a.schemaCommand(),
		a.stepsCommand(),
		a.initCommand(),
		a.versionCommand(),
	)
	return root
}

// exactly is cobra.ExactArgs with words that say what is wanted.
func exactly(what ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(what) {
			return nil
		}
		return fmt.Errorf("%s needs %s; got %d arguments. See: %s --help", c.CommandPath(), strings.Join(what, " and "), len(args), c.CommandPath())
	}
}
