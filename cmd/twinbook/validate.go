package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/server/library"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/steps"
)

func (a *app) validateCommand() *cobra.Command {
	var output, format string
	c := &cobra.Command{
		Use:   "validate FILE|DIR…",
		Short: "Check files without touching anything",
		Long: "Checks workflows, simulator files and configurations, and shows every problem at once.\n" +
			"Of a folder it checks all .yaml and .yml files in it and below that begin as one of them.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs at least one FILE or DIR. See: %[1]s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.validate(c.Context(), args, output, format) },
	}
	c.Flags().StringVarP(&output, "output", "o", "", "text or json")
	c.Flags().StringVar(&format, "format", "", "github: annotations for GitHub Actions")
	return c
}

// A checked file is a file and what is wrong with it.
type checked struct {
	file, kind string
	problems   engine.Problems
}

func (a *app) validate(ctx context.Context, args []string, output, format string) error {
	output, err := a.outputFormat(output, "text", "json")
	if err != nil {
		return err
	}
	if format != "" && format != "github" {
		return fmt.Errorf("--format %s: it can be github", format)
	}
	results, suites, err := a.checkAll(ctx, args)
	if err != nil {
		return err
	}
	switch {
	case output == "json":
		writeJSON(a.out, checkedOf(results))
	case format == "github":
		annotate(a.out, results)
	default:
		a.showChecked(results, suites)
	}
	for _, r := range results {
		if len(r.problems) > 0 {
			return coded{code: exitUsage}
		}
	}
	return nil
}

// checkAll checks the files that args name. Files that were found in folders and are none of ours are left
// out; suites among them are counted.
func (a *app) checkAll(ctx context.Context, args []string) (results []checked, suites int, err error) {
	files, err := filesToCheck(args)
	if err != nil {
		return nil, 0, err
	}
	config := a.configForHubs()
	for _, file := range files {
		if ctx.Err() != nil {
			return nil, 0, stopped(ctx)
		}
		source, err := readSource(file.path)
		if err != nil {
			return nil, 0, err
		}
		switch kind := kindOf(source); {
		case file.found && kind == "":
		case file.found && kind == "suite":
			suites++
		default:
			results = append(results, checked{file: file.path, kind: kind, problems: check(file.path, kind, source, config)})
		}
	}
	return results, suites, nil
}

func (a *app) showChecked(results []checked, suites int) {
	bad, all := 0, engine.Problems{}
	for _, r := range results {
		if len(r.problems) > 0 {
			bad++
		}
		all = append(all, r.problems...)
	}
	io.WriteString(a.out, all.Text())
	text := counted(len(results), "file") + " checked"
	switch {
	case len(all) > 0:
		text += ", " + counted(len(all), "problem") + " in " + counted(bad, "file")
	case len(results) > 0:
		text += ", no problems"
	}
	if suites > 0 {
		text += "; " + counted(suites, "test suite") + " skipped"
	}
	fmt.Fprintln(a.err, text)
}

// annotate writes problems as GitHub Actions shows them beside the code.
func annotate(w io.Writer, results []checked) {
	for _, r := range results {
		for _, p := range r.problems {
			msg := p.Msg
			if p.Hint != "" {
				msg += "\n" + p.Hint
			}
			fmt.Fprintf(w, "::error file=%s,line=%d,col=%d,title=%s::%s\n",
				escapeProperty(filepath.ToSlash(p.Pos.File)), p.Pos.Line, p.Pos.Col, escapeProperty(p.Rule), escapeData(msg))
		}
	}
}

// escapeData and escapeProperty follow the workflow commands of GitHub Actions.
func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeData(s))
}

// A candidate is a file to check; found says that it was found in a folder and may be something else.
type candidate struct {
	path  string
	found bool
}

func filesToCheck(args []string) ([]candidate, error) {
	var files []candidate
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, candidate{path: arg})
			continue
		}
		found, err := library.Find(arg)
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			files = append(files, candidate{path: path, found: true})
		}
	}
	return files, nil
}

var leadingKey = regexp.MustCompile(`(?m)^(?:\x{FEFF})?["']?(workflow|suite|simulator|hubs)["']?[ \t]*:`)

// kindOf is the leading key of a file of ours; empty: it has none.
func kindOf(source []byte) string {
	if m := leadingKey.FindSubmatch(source); m != nil {
		return string(m[1])
	}
	return ""
}

// configForHubs is the configuration that hub names are held against; nil where none can be read.
func (a *app) configForHubs() *configuration {
	config, err := a.loadConfig()
	if err != nil || config.file == "" {
		return nil
	}
	return config
}

// check finds all that is wrong with a file. One that begins like none of ours is taken for a workflow.
func check(file, kind string, source []byte, config *configuration) engine.Problems {
	switch kind {
	case "simulator":
		_, problems := device.Load(file, source)
		return problems
	case "hubs":
		_, problems := decodeConfig(file, source)
		return problems
	}
	p, problems := engine.Compile(file, source, engine.Options{Types: steps.All().Types, Read: readSource})
	if p != nil && config != nil {
		return append(config.checkUses(p), config.checkSecrets(p)...)
	}
	return problems
}
