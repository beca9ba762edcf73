package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// runFlags are the flags of `run`.
type runFlags struct {
	hub    string
	output string
	file   string   // of inputs
	inputs []string // name=value
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a workflow",
		Long: "Runs a workflow and follows it to its end. Outputs go to stdout, progress to stderr.\n\n" +
			"Exit codes: 0 succeeded; 1 failed; 2 a bad file, flag or configuration, nothing was touched;\n" +
			"3 the hub could not be reached or refused us before the first effect; 130, 143 interrupted.",
		Args: exactly("one workflow FILE"),
		RunE: func(c *cobra.Command, args []string) error { return a.runWorkflow(c.Context(), args[0], f) },
	}
	a.runFlags(c, &f, "text, json (one document at the end) or jsonl (a line for each event)")
	a.journalFlag(c.Flags())
	return c
}

// runFlags gives a command the flags of a run; output says what --output can be.
func (a *app) runFlags(c *cobra.Command, f *runFlags, output string) {
	a.hubFlag(c, c.Flags(), &f.hub)
	c.Flags().StringArrayVarP(&f.inputs, "input", "i", nil, "an input, as name=value; may be repeated")
	c.Flags().StringVar(&f.file, "inputs", "", "a YAML or JSON file of inputs; - reads stdin")
	c.Flags().StringVarP(&f.output, "output", "o", "", output)
}

// An intent is a run that somebody asks for, checked as far as it can be without a hub.
type intent struct {
	format  string
	config  *configuration
	program *engine.Program
	inputs  map[string]any
}

func (a *app) readIntent(ctx context.Context, file string, f runFlags, formats ...string) (i intent, err error) {
	if i.format, err = a.outputFormat(f.output, formats...); err != nil {
		return i, err
	}
	if i.config, err = a.loadConfig(); err != nil {
		return i, err
	}
	if i.program, err = compile(file, i.config); err != nil {
		return i, err
	}
	i.inputs, err = a.readInputs(ctx, i.program, f.file, f.inputs)
	return i, err
}

func (a *app) runWorkflow(ctx context.Context, file string, f runFlags) (failure error) {
	i, err := a.readIntent(ctx, file, f, "text", "json", "jsonl")
	if err != nil {
		return err
	}
	own, err := a.chooseHub(i.config, f.hub)
	if err != nil {
		return err
	}
	j, err := a.openJournal(ctx, i.config)
	if err != nil {
		return err
	}
	defer j.closeInto(&failure)
	if err := a.nameUnfinished(ctx, j); err != nil {
		return err
	}
	w, err := a.openWorld(ctx, i.config, need{i.program, own.name, own})
	if err != nil {
		return err
	}
	defer w.close()
	home := i.program.HomeHub(own.name)
	start := engine.RunStart{Inputs: i.inputs, Hub: home, Hosts: w.hosts(home, i.program), Trigger: "command line", By: a.whoAsks()}
	begin := func(ctx context.Context, r *runner.Runner, _ course) (*runner.Handle, error) {
		return r.Start(ctx, i.program, start)
	}
	outcomes, err := a.drive(ctx, drive{
		world: w, journal: j, runs: []course{{program: i.program, hub: home, begin: begin}},
		show: func(course) reporter { return a.reporter(i.format, w) },
	})
	if err != nil {
		return err
	}
	return w.verdict(ctx, outcomes[0])
}

// outputFormat is what --output asks for, or, among what a command has, TWINBOOK_OUTPUT.
func (a *app) outputFormat(flag string, allowed ...string) (string, error) {
	if flag != "" && !slices.Contains(allowed, flag) {
		return "", fmt.Errorf("--output %s: it can be %s", flag, orWords(allowed))
	}
	env, known := a.getenv("TWINBOOK_OUTPUT"), []string{"", "text", "json", "jsonl"}
	switch {
	case flag != "":
		return flag, nil
	case !slices.Contains(known, env):
		return "", fmt.Errorf("TWINBOOK_OUTPUT=%s: it can be %s", env, orWords(known[1:]))
	case slices.Contains(allowed, env):
		return env, nil
	}
	return allowed[0], nil
}

// hubFlag is --hub, with completion from the configuration.
func (a *app) hubFlag(c *cobra.Command, flags *pflag.FlagSet, hub *string) {
	flags.StringVar(hub, "hub", "", "the hub, by its name in the configuration")
	c.RegisterFlagCompletionFunc("hub", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		config, err := a.loadConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return config.hubNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

func (a *app) reporter(format string, w *world) reporter {
	switch format {
	case "json":
		return &jsonReporter{out: a.out}
	case "jsonl":
		return &jsonlReporter{out: a.out}
	}
	if s := a.screenOf(a.err, a.errScreen); s.terminal {
		return newLive(s, a.out, w.clock)
	}
	return newPlain(screen{w: a.err}, a.out)
}

// verdict is the exit code of an outcome; what happened has been said.
func (w *world) verdict(ctx context.Context, o engine.Outcome) error {
	if o.Status == engine.Succeeded {
		return nil
	}
	if i, ok := interruption(ctx); ok {
		return coded{code: i.code()}
	}
	if o.Error != nil && (o.Error.Kind == engine.KindUnavailable || o.Error.Kind == engine.KindUnauthorized) && w.refused.Load() && !w.touched.Load() {
		return coded{code: exitNoHub}
	}
	return coded{code: exitFailed}
}
