package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// exportFlags are the flags of `runs export`.
type exportFlags struct {
	filterFlags
	all bool
}

func (a *app) runsExport(f *runsFlags) *cobra.Command {
	var e exportFlags
	c := &cobra.Command{
		Use:   "export [RUN…]",
		Short: "Write runs that have ended to stdout, as JSON lines for runs import",
		Long: "Writes runs with their events, their parts and the workflows they were begun with: those that are named, or all that\n" +
			"the flags let through. A run that has not ended stays where it is: two journals must never drive the same run.",
		ValidArgsFunction: a.completeRuns(hasEnded),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withFile(c.Context(), f, a.readJournal, func(j openJournal, file *journal.SQLite) error {
				return a.exportRuns(c.Context(), j, file, args, e)
			})
		},
	}
	e.add(c)
	c.Flags().BoolVar(&e.all, "all", false, "all runs")
	return c
}

// withFile opens the journal for one command that needs it to be a file.
func (a *app) withFile(ctx context.Context, f *runsFlags, open func(context.Context, *configuration) (openJournal, error),
	do func(openJournal, *journal.SQLite) error) error {
	return a.withJournalBy(ctx, f, open, func(j openJournal, _ string) error {
		file, ok := j.Journal.(*journal.SQLite)
		switch {
		case !ok && j.file != "": // there is no file yet, and none is made to be read
			return fmt.Errorf("there are no runs yet in %s; twinbook run FILE makes the first", clean(j.file))
		case !ok:
			return errors.New("a journal in memory ends with the process: there is nothing to write, and nobody to read for; --journal FILE names a file")
		}
		return do(j, file)
	}, "text")
}

func (a *app) exportRuns(ctx context.Context, j openJournal, file *journal.SQLite, args []string, f exportFlags) error {
	var ids []string
	var unfinished int
	var err error
	switch chosen := f.any() || f.all; {
	case len(args) > 0 && chosen:
		return errors.New("runs export takes either RUNs or flags that choose them")
	case len(args) > 0:
		ids, err = namedRuns(ctx, j, args)
	case chosen:
		ids, unfinished, err = f.chosen(ctx, j)
	default:
		return errors.New("runs export needs to know which: RUNs, --all, or flags such as --since 30d. See: twinbook runs export --help")
	}
	if err != nil {
		return err
	}
	out := &lineWriter{out: a.out}
	n := len(ids)
	var damaged []error
	if len(args) > 0 {
		err = file.Export(ctx, out, ids...)
	} else {
		n, damaged, err = file.ExportWhole(ctx, out, ids...)
	}
	if err != nil {
		return failedExport(ctx, err)
	}
	if a.flush(ctx) != nil {
		return coded{code: exitFailed} // run says why
	}
	fmt.Fprintf(a.err, "exported %s\n", counted(n, "run"))
	if unfinished > 0 {
		fmt.Fprintf(a.err, "skipped %s that %s not ended: two journals must never drive the same run\n", counted(unfinished, "run"), has(unfinished))
	}
	return leftOut(damaged)
}

// leftOut is the error of an export that lacks runs; nil: it has all.
func leftOut(damaged []error) error {
	if len(damaged) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "left out %s that cannot be read:", counted(len(damaged), "run"))
	for _, err := range damaged {
		fmt.Fprintf(&b, "\n  %s", clean(err.Error()))
	}
	return coded{exitFailed, errors.New(b.String())}
}

// failedExport is the error of an export whose journal could not be read. What was named wrongly is a usage error.
func failedExport(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return stopped(ctx)
	case errors.Is(err, journal.ErrUnfinished):
		return err
	}
	return coded{exitFailed, err}
}

func has(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func namedRuns(ctx context.Context, j openJournal, args []string) (ids []string, err error) {
	runs, err := findRuns(ctx, j, args)
	for _, run := range runs {
		ids = append(ids, run.ID)
	}
	return ids, err
}

// chosen are the runs that the flags let through, the earliest first, and how many of them have not ended.
func (f *exportFlags) chosen(ctx context.Context, j openJournal) (ids []string, unfinished int, err error) {
	filter, err := f.filter(time.Now())
	if err != nil {
		return nil, 0, err
	}
	for run, err := range record.Each(ctx, j, filter) {
		switch {
		case err != nil:
			return nil, 0, err
		case run.Status == "":
			unfinished++
		default:
			ids = append(ids, run.ID)
		}
	}
	slices.Reverse(ids)
	return ids, unfinished, nil
}

// A lineWriter writes whole lines of JSON, in which nothing does something to a terminal.
type lineWriter struct {
	out  io.Writer
	line []byte // the beginning of one
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	if end := bytes.LastIndexByte(w.line, '\n') + 1; end > 0 {
		if _, err := io.WriteString(w.out, record.EscapeHidden(string(w.line[:end]))); err != nil {
			return 0, err
		}
		w.line = append(w.line[:0], w.line[end:]...)
	}
	return len(p), nil
}

func (a *app) runsImport(f *runsFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Take in runs that runs export wrote; - reads stdin",
		Args:  exactly("one FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withFile(c.Context(), f, a.openJournal, func(_ openJournal, file *journal.SQLite) error {
				return a.importRuns(c.Context(), file, args[0])
			})
		},
	}
}

func (a *app) importRuns(ctx context.Context, file *journal.SQLite, name string) error {
	in, err := a.openImport(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	done, err := file.Import(ctx, in)
	fmt.Fprintf(a.err, "imported %s\n", counted(done.Runs, "run"))
	if done.Skipped > 0 {
		fmt.Fprintf(a.err, "skipped %s that %s there already\n", counted(done.Skipped, "run"), was(done.Skipped))
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return stopped(ctx)
	}
	return coded{exitFailed, fmt.Errorf("%s: %w", name, err)}
}

// openImport opens a file, or stdin, which ends with a signal: a terminal may be waited for for ever, and then the
// program's end ends the copying.
func (a *app) openImport(ctx context.Context, name string) (io.ReadCloser, error) {
	if name != "-" {
		return os.Open(name)
	}
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.Copy(w, a.in)
		w.CloseWithError(err)
	}()
	return r, nil
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
