package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/journal"
)

// runsFlags are the flags that all commands about recorded runs have.
type runsFlags struct{ output string }

func (a *app) runsCommand() *cobra.Command {
	var f runsFlags
	c := &cobra.Command{
		Use: "runs", Short: "Look at recorded runs, go on with them, end them",
		Long: "Every run is recorded in the journal. These commands look at runs and control them, also those that another\n" +
			"process drives. An id may be shortened to any beginning or end that fits one run.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	a.journalFlag(c.PersistentFlags())
	c.PersistentFlags().StringVarP(&f.output, "output", "o", "", "text, json or jsonl, where a command has it")
	c.AddCommand(
		a.runsList(&f),
		a.runsShow(&f),
		a.runsEvents(&f),
		a.runsExport(&f),
		a.runsImport(&f),
		a.runsRemove(&f),
		a.runsResume(&f),
		a.runsCancel(&f),
		a.runsPause(&f),
		a.runsRetry(&f),
		a.runsSignal(&f),
		a.runsAnswer(&f, true),
		a.runsAnswer(&f, false),
	)
	return c
}

// withJournal opens the journal for one command that looks at it, or tidies it up. What is said is in one of formats, the first unless --output
// or the environment says otherwise.
func (a *app) withJournal(ctx context.Context, f *runsFlags, do func(j openJournal, format string) error, formats ...string) error {
	return a.withJournalBy(ctx, f, a.readJournal, do, formats...)
}

// withJournalBy is withJournal for a journal that open opens.
func (a *app) withJournalBy(ctx context.Context, f *runsFlags, open func(context.Context, *configuration) (openJournal, error),
	do func(j openJournal, format string) error, formats ...string) error {
	format, err := a.outputFormat(f.output, formats...)
	if err != nil {
		return err
	}
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	j, err := open(ctx, config)
	if err != nil {
		return err
	}
	return errors.Join(do(j, format), j.close())
}

// findRun is the run whose id begins or ends with short.
func findRun(ctx context.Context, j openJournal, short string) (journal.Run, error) {
	if short == "" {
		return journal.Run{}, errors.New("an empty text is no id of a run")
	}
	ids, err := j.Find(ctx, strings.ToLower(short))
	if err != nil {
		return journal.Run{}, err
	}
	switch len(ids) {
	case 0:
		return journal.Run{}, fmt.Errorf("no run has an id that begins or ends with %q in %s; %s shows those that are there", clean(short), j.title(), j.command("runs list"))
	case 1:
		return j.Run(ctx, ids[0])
	}
	return journal.Run{}, severalFit(ctx, j, short, ids)
}

// findRuns is findRun for many; a run that is named twice is one.
func findRuns(ctx context.Context, j openJournal, shorts []string) (runs []journal.Run, err error) {
	seen := map[string]bool{}
	for _, short := range shorts {
		run, err := findRun(ctx, j, short)
		if err != nil {
			return nil, err
		}
		if !seen[run.ID] {
			runs = append(runs, run)
		}
		seen[run.ID] = true
	}
	return runs, nil
}

// severalFit says which runs a text may mean.
func severalFit(ctx context.Context, j openJournal, short string, ids []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%q is the beginning or the end of several runs' ids; write more of the one you mean:", clean(short))
	for _, id := range ids {
		run, err := j.Run(ctx, id)
		if err != nil {
			return err
		}
		state, _ := stateWords(run, time.Now())
		fmt.Fprintf(&b, "\n  %s  %s  %s  began %s", run.ID, clean(run.Workflow), state, whenExactly(run.Started, time.Now()))
	}
	return errors.New(b.String())
}

// title is the journal in messages.
func (j openJournal) title() string {
	if j.file == "" {
		return "a journal in memory"
	}
	return j.file
}
