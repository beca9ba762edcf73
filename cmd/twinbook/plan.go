package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
)

func (a *app) planCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "plan FILE",
		Short: "Show what a run would do, without doing it",
		Long:  "Shows a workflow's steps with the values that follow from its inputs. No device and no hub is touched.",
		Args:  exactly("one workflow FILE"),
		RunE:  func(c *cobra.Command, args []string) error { return a.plan(c.Context(), args[0], f) },
	}
	a.runFlags(c, &f, "text or json")
	return c
}

func (a *app) plan(ctx context.Context, file string, f runFlags) error {
	i, err := a.readIntent(ctx, file, f, "text", "json")
	if err != nil {
		return err
	}
	hub, err := a.planHub(i.config, f.hub)
	if err != nil {
		return err
	}
	lines := engine.Preview(i.program, i.inputs, time.Now())
	if p := i.program; i.format == "json" {
		writeJSON(a.out, map[string]any{"workflow": p.Workflow.Name, "file": p.File, "hash": p.Hash, "inputs": i.inputs, "lines": lines})
		return nil
	}
	a.showPlan(i.program, lines, hub)
	return nil
}

// planHub says where a run would go; a plan itself needs no hub.
func (a *app) planHub(config *configuration, flag string) (string, error) {
	h, err := a.chooseHub(config, flag)
	switch {
	case errors.Is(err, errNoHub):
		return "no hub is chosen", nil
	case err != nil:
		return "", err
	case h.simulator != "":
		return "simulator " + h.name, nil
	}
	return "hub " + h.name, nil
}

func (a *app) showPlan(p *engine.Program, lines []engine.PreviewLine, hub string) {
	s := a.screenOf(a.out, a.outScreen)
	fmt.Fprintf(a.out, "%s%s\n\n", s.paint(bold, p.Workflow.Name), s.paint(dim, " · "+hub+" · a plan: nothing is touched"))
	for _, l := range lines {
		fmt.Fprintln(a.out, planLine(s, l))
		indent := strings.Repeat("  ", l.Depth+2)
		for _, detail := range l.Details {
			fmt.Fprintf(a.out, "%s  %s\n", indent, s.paint(dim, clean(detail)))
		}
	}
}

// planLine is the first line of a step: what it is, for which device, and what repeating it means.
func planLine(s screen, l engine.PreviewLine) string {
	text := strings.Repeat("  ", l.Depth+1) + clean(l.Title)
	if l.Action != "" && l.Action != l.Title {
		text += "  " + s.paint(cyan, l.Action)
	}
	if l.Device != "" {
		text += " · " + clean(l.Device)
	}
	if l.Hub != "" {
		text += " · hub " + clean(l.Hub)
	}
	if l.Effect != "" {
		text += s.paint(dim, "  ("+l.Effect+")")
	}
	if l.Skipped {
		text += s.paint(yellow, "  skipped")
	}
	return text
}
