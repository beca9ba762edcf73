package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/pflag"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
)

// journalVariable names the file of the journal where no flag does.
const journalVariable = "TWINBOOK_JOURNAL"

// inMemory is the name of a journal that is no file and ends with the process.
const inMemory = "memory"

// A journalConfig says where runs are recorded, and for how long they are kept once they have ended.
type journalConfig struct {
	file     string // empty: in the user's state folder
	keepFor  time.Duration
	keepRuns int // so many of the latest

	keepAudit time.Duration
}

// kept is for how long things are.
func (j journalConfig) kept() journal.Retention {
	return journal.Retention{Age: j.keepFor, Runs: j.keepRuns, Audit: j.keepAudit}
}

// usualJournal is what holds where the configuration says nothing.
var usualJournal = journalConfig{keepFor: 90 * 24 * time.Hour, keepRuns: 100_000, keepAudit: 400 * 24 * time.Hour}

func journalShape() *engine.Shape {
	least, most := 1.0, 1e9
	return &engine.Shape{What: "a mapping with file, keepFor, keepRuns and keepAudit", Keys: []engine.Key{
		{Name: "file", Doc: "The file, beside this one; memory keeps none. Unless given, it is in the user's state folder.", Shape: engine.Name("")},
		{Name: "keepFor", Doc: "How long a run is kept after its end; 90d unless given.", Shape: &engine.Shape{Kind: engine.KindDuration, Literal: true, Min: &least}},
		{Name: "keepRuns", Doc: "How many runs that have ended are kept, the latest; 100000 unless given.", Shape: &engine.Shape{Kind: engine.KindInt, Literal: true, Min: &least, Max: &most}},
		{Name: "keepAudit", Doc: "How long it is known who asked a server for what; 400d unless given.", Shape: &engine.Shape{Kind: engine.KindDuration, Literal: true, Min: &least}},
	}}
}

// journalOf reads where a configuration wants runs to be recorded.
func (c *configuration) journalOf(d *engine.Decoded) journalConfig {
	j := usualJournal
	if j.file = d.Get("file").Text(); j.file != inMemory {
		if j.file = c.beside(j.file); j.file == inMemory { // it was ./memory, which is a file
			j.file = "." + string(filepath.Separator) + inMemory
		}
	}
	for key, long := range map[string]*time.Duration{"keepFor": &j.keepFor, "keepAudit": &j.keepAudit} {
		if given, err := expr.ParseDuration(d.Get(key).Text()); err == nil {
			*long = given
		}
	}
	j.keepRuns = int(d.Get("keepRuns").Number(float64(j.keepRuns)))
	return j
}

// An openJournal is a journal that can be used until close, and where it is.
type openJournal struct {
	journal.Journal
	file  string // empty: in memory
	close func() error

	command func(string) string // how to call the program so that it finds this journal
}

// closeInto closes the journal at the end of a command. What goes wrong then has been told if the command failed.
func (j openJournal) closeInto(failure *error) {
	if err := j.close(); err != nil && *failure == nil {
		*failure = coded{exitFailed, err}
	}
}

// journalFlag is --journal.
func (a *app) journalFlag(flags *pflag.FlagSet) {
	flags.StringVar(&a.journal, "journal", "", "the file of the journal; memory keeps none (default: "+journalVariable+", the configuration, the user's state folder)")
}

// openJournal opens the journal that the flag, the environment and the configuration name, to record runs in it. It
// makes the file if there is none.
func (a *app) openJournal(ctx context.Context, c *configuration) (openJournal, error) {
	return a.openJournalWith(ctx, c, journal.Options{Keep: c.journal.kept()})
}

// knownJournal opens the journal to control runs that are in it. None is made: where none was named and there is none
// yet, it is one without runs.
func (a *app) knownJournal(ctx context.Context, c *configuration) (openJournal, error) {
	if j, none, err := a.noJournal(c); none || err != nil {
		return j, err
	}
	return a.openJournal(ctx, c)
}

// noJournal says whether there is no journal yet, and what stands for it. It is an error if somebody named one that is
// not there: the name is wrong, or the runs are elsewhere.
func (a *app) noJournal(c *configuration) (j openJournal, none bool, err error) {
	file, by, err := a.journalFile(c)
	switch {
	case err != nil:
		return j, false, err
	case file == inMemory:
		return j, false, fmt.Errorf("%s names a journal in memory, which ends with its process: it has no runs to look at; --journal FILE names one that lasts", by)
	}
	if _, err = os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return j, false, nil // what is wrong with it is said when it is opened
	}
	if by != "" {
		return j, false, fmt.Errorf("there is no journal at %s, which %s names; %w", clean(file), by, errNotMade)
	}
	return a.emptyJournal(file), true, nil
}

// errNotMade is about a journal that somebody names and that is not there.
var errNotMade = errors.New("twinbook run and twinbook serve make it")

// emptyJournal stands for one that is not there yet, or is in memory alone.
func (a *app) emptyJournal(file string) openJournal {
	return a.opened(journal.NewMemory(), file, func() error { return nil })
}

func (a *app) opened(j journal.Journal, file string, close func() error) openJournal {
	return openJournal{Journal: j, file: file, close: close, command: a.command}
}

// readJournal is knownJournal to look at runs. It may be one that cannot be written.
func (a *app) readJournal(ctx context.Context, c *configuration) (openJournal, error) {
	if j, none, err := a.noJournal(c); none || err != nil {
		return j, err
	}
	j, failure := a.openJournalWith(ctx, c, journal.Options{})
	if failure == nil || ctx.Err() != nil {
		return j, failure
	}
	if j, err := a.openJournalWith(ctx, c, journal.Options{ReadOnly: true}); err == nil {
		return j, nil
	}
	return j, failure
}

func (a *app) openJournalWith(ctx context.Context, c *configuration, o journal.Options) (openJournal, error) {
	file, _, err := a.journalFile(c)
	switch {
	case err != nil:
		return openJournal{}, err
	case file == inMemory:
		return a.emptyJournal(""), nil
	}
	kept, err := journal.OpenSQLite(ctx, file, o)
	switch {
	case err == nil:
		return a.opened(kept, kept.File(), kept.Close), nil
	case ctx.Err() != nil:
		return openJournal{}, stopped(ctx)
	}
	return openJournal{}, fmt.Errorf("%w\n  %s", err, elsewhere)
}

// journalFile is where the journal is, and what says so: --journal, TWINBOOK_JOURNAL, the configuration; empty: nothing,
// so that it is in the user's state folder.
func (a *app) journalFile(c *configuration) (file, by string, err error) {
	for _, named := range []struct{ file, by string }{
		{a.journal, "--journal"}, {a.getenv(journalVariable), journalVariable}, {c.journal.file, c.file},
	} {
		if named.file != "" {
			return named.file, named.by, nil
		}
	}
	dir := a.stateDir(runtime.GOOS)
	if dir == "" {
		return "", "", fmt.Errorf("there is no place for the journal: neither XDG_STATE_HOME nor a home folder is set; %s", elsewhere)
	}
	return filepath.Join(dir, "twinbook", "journal.db"), "", nil
}

const elsewhere = "--journal FILE puts it elsewhere, --journal memory runs without a record"

// stateDir is the folder for what programs keep of their doings; empty: there is none. It asks the
// environment that the program was given alone.
func (a *app) stateDir(system string) string {
	if dir := a.getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the specification says to ignore others
		return dir
	}
	home := a.getenv("HOME")
	switch {
	case system == "windows":
		return a.getenv("LocalAppData")
	case home == "":
		return ""
	case system == "darwin":
		return filepath.Join(home, "Library", "Application Support")
	}
	return filepath.Join(home, ".local", "state")
}
