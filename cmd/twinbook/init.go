package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/workflows"
)

// initConfig is the configuration that init writes.
const initConfig = `# Which hubs there are, and which one a run takes. All keys: twinbook schema config
version: 1
hubs:
  desk: { type: simulator, file: simulator.yaml }
  # factory: { type: azure, connectionString: { env: FACTORY_HUB } }
defaultHub: desk
`

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first workflow, a simulator file and a configuration",
		Long:  "Writes a workflow, a simulator file and a configuration that work together. No file is ever overwritten.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.initDir(dir)
		},
	}
}

func (a *app) initDir(dir string) error {
	files := []struct{ name, what, text string }{
		{"reboot.yaml", "a workflow: reboots a device and proves that it came back", embedded("reboot.yaml")},
		{"simulator.yaml", "a simulated hub with devices", embedded("simulator.yaml")},
		{defaultConfig, "the configuration: runs go to the simulator", initConfig},
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		err := writeNew(path, f.text)
		switch {
		case errors.Is(err, fs.ErrExist):
			fmt.Fprintf(a.err, "kept   %s: it was there already\n", path)
		case err != nil:
			return err
		default:
			fmt.Fprintf(a.err, "wrote  %-16s %s\n", path, f.what)
		}
	}
	command := "twinbook run reboot.yaml"
	if filepath.Clean(dir) != "." {
		command = "cd " + dir + " && " + command
	}
	fmt.Fprintf(a.err, "\nNext:  %s\n", command)
	return nil
}

func embedded(name string) string {
	text, err := workflows.Files.ReadFile(name)
	if err != nil {
		panic("twinbook: " + err.Error()) // it is in the binary
	}
	return string(text)
}

// writeNew writes a file that must not exist yet.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
