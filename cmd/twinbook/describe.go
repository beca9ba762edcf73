package main

import (
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/steps"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "schema workflow|simulator|config",
		Short:     "Print the JSON Schema of a kind of file",
		Long:      "Prints the JSON Schema (2020-12) of a kind of file, for editors and other checkers.",
		Args:      exactly("workflow, simulator or config"),
		ValidArgs: []string{"workflow", "simulator", "config"},
		RunE: func(_ *cobra.Command, args []string) error {
			schema, err := schemaOf(args[0])
			if err == nil {
				writeJSON(a.out, schema)
			}
			return err
		},
	}
}

func schemaOf(kind string) (map[string]any, error) {
	switch kind {
	case "workflow":
		return engine.Schema(engine.WorkflowShape(steps.All().Types), "twinbook workflow"), nil
	case "simulator":
		return engine.Schema(device.FileShape(), "twinbook simulator file"), nil
	case "config":
		return engine.Schema(configShape(), "twinbook configuration"), nil
	}
	return nil, fmt.Errorf("there is no schema %q; there are workflow, simulator and config", kind)
}

func (a *app) stepsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "steps",
		Short: "Print the reference of all actions, in Markdown",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.out, engine.Reference(steps.All().Types))
			return err
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(a.out, versionText())
			return nil
		},
	}
}

// versionText is what the build knows of itself: the module's version, or the revision it was built from.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "twinbook (unknown version)"
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	text := "twinbook " + info.Main.Version
	if revision := set["vcs.revision"]; revision != "" && info.Main.Version == "(devel)" {
		text += " " + revision[:min(12, len(revision))]
		if set["vcs.modified"] == "true" {
			text += " (modified)"
		}
	}
	return text + " " + info.GoVersion
}
