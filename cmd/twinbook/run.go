package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
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

func (a *app) runWorkflow(ctx context.Context, file string, f runFlags) error {
	i, err := a.readIntent(ctx, file, f, "text", "json", "jsonl")
	if err != nil {
		return err
	}
	w, err := a.openWorld(ctx, i.config, i.program, f.hub)
	if err != nil {
		return err
	}
	defer w.close()
	return a.follow(ctx, w, i.program, i.inputs, a.reporter(i.format, w))
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

// follow starts the run and shows it until it has ended. A signal cancels it; its finally blocks
// still run.
func (a *app) follow(ctx context.Context, w *world, p *engine.Program, inputs map[string]any, r reporter) error {
	s := summary{header: header{program: p, hubs: w.opened}, began: w.clock.Now()}
	r.begin(s.header)
	id := journal.NewID(s.began)
	runs := w.newRunner(func(u runner.Update) {
		if u.Start != nil {
			s.start, s.began = *u.Start, u.Time
		}
		r.update(u)
	})
	lasting := context.WithoutCancel(ctx)
	h, err := runs.Start(lasting, p, engine.RunStart{ID: id, Inputs: inputs, Hub: w.hub, Trigger: "command line"})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		why := context.Cause(ctx).Error()
		r.interrupting(why + ": the run ends in good order, finally still runs; a second time leaves at once")
		h.Cancel(why)
	})
	defer stop()
	s.outcome, err = h.Wait(lasting)
	if err != nil {
		return coded{exitFailed, err}
	}
	s.ended = w.clock.Now()
	if i, ok := interruption(ctx); ok && s.outcome.Status != engine.Succeeded {
		s.signal = i.Error()
	}
	r.end(s)
	return w.verdict(ctx, s.outcome)
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
