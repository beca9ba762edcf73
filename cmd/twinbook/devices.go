package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// devicesFlags are the flags that all commands about devices have.
type devicesFlags struct{ hub, output string }

func (a *app) devicesCommand() *cobra.Command {
	var f devicesFlags
	c := &cobra.Command{Use: "devices", Short: "Look at devices, and call one by hand", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	a.hubFlag(c, c.PersistentFlags(), &f.hub)
	c.PersistentFlags().StringVarP(&f.output, "output", "o", "", "text or json")
	c.AddCommand(a.devicesList(&f), a.devicesTwin(&f), a.devicesCall(&f))
	return c
}

// withHub opens the hub that the flags and the configuration name, for one command.
func (a *app) withHub(ctx context.Context, f *devicesFlags, do func(h openHub, format string) error) error {
	format, err := a.outputFormat(f.output, "text", "json")
	if err != nil {
		return err
	}
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	chosen, err := a.chooseHub(config, f.hub)
	if err != nil {
		return err
	}
	h, err := a.open(ctx, clock.Real(), chosen)
	if err != nil {
		return err
	}
	defer h.close()
	fmt.Fprintln(a.err, hubTitle([]openHub{h}))
	return a.hubError(ctx, do(h, format))
}

// hubError gives an error of a hub its exit code.
func (a *app) hubError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	switch hub.KindOf(err) {
	case hub.Unavailable, hub.Unauthorized:
		return coded{exitNoHub, err}
	case "":
		return err
	}
	return coded{exitFailed, err}
}

const allDevices = "SELECT * FROM devices"

func (a *app) devicesList(f *devicesFlags) *cobra.Command {
	var query string
	c := &cobra.Command{
		Use: "list", Short: "List the devices of a hub", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withHub(c.Context(), f, func(h openHub, format string) error {
				return a.listDevices(c.Context(), h, query, format)
			})
		},
	}
	c.Flags().StringVarP(&query, "query", "q", allDevices, "which devices, in the hub's query language")
	return c
}

func (a *app) listDevices(ctx context.Context, h openHub, query, format string) error {
	list := []any{}
	for page := (hub.Page{Continuation: ""}); ; {
		var err error
		page, err = h.Query(ctx, hub.Query{Text: query, PageSize: 100, Continuation: page.Continuation})
		if err != nil {
			return err
		}
		for _, t := range page.Twins {
			list = append(list, twinJSON(t))
			if format == "text" {
				fmt.Fprintf(a.out, "%-24s %-12s %s\n", clean(t.Device), strings.ToLower(t.ConnectionState), tagsText(t.Tags))
			}
		}
		for _, row := range page.Rows {
			list = append(list, row)
			if format == "text" {
				fmt.Fprintln(a.out, clean(jsonLine(row)))
			}
		}
		if page.Continuation == "" {
			break
		}
	}
	if format == "json" {
		writeJSON(a.out, list)
	} else if len(list) == 0 {
		fmt.Fprintln(a.err, "no device meets the query")
	}
	return nil
}

func tagsText(tags map[string]any) string {
	if len(tags) == 0 {
		return ""
	}
	return clean(jsonLine(tags))
}

func (a *app) devicesTwin(f *devicesFlags) *cobra.Command {
	var module string
	c := &cobra.Command{
		Use: "twin DEVICE", Short: "Print a device's twin as JSON", Args: exactly("one DEVICE"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withHub(c.Context(), f, func(h openHub, _ string) error {
				t, err := h.Twin(c.Context(), hub.Target{Device: args[0], Module: module})
				if err == nil {
					writeJSON(a.out, twinJSON(t))
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&module, "module", "", "a module of the device")
	return c
}

func (a *app) devicesCall(f *devicesFlags) *cobra.Command {
	var module string
	var timeout, connect time.Duration
	c := &cobra.Command{
		Use:   "call DEVICE METHOD [PAYLOAD]",
		Short: "Call a direct method, with a payload in JSON, and print the answer",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > 3 {
				return fmt.Errorf("%s needs DEVICE, METHOD and perhaps a PAYLOAD in JSON. See: %[1]s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			call := hub.Call{Target: hub.Target{Device: args[0], Module: module}, Method: args[1], Response: timeout, Connect: connect}
			if len(args) == 3 {
				payload, err := expr.ParseJSON([]byte(args[2]))
				if err != nil {
					return fmt.Errorf("the payload is no JSON: %w (a text needs quotes of its own: '\"text\"')", err)
				}
				call.Payload = payload
			}
			return a.withHub(c.Context(), f, func(h openHub, format string) error { return a.call(c.Context(), h, call, format) })
		},
	}
	c.Flags().StringVar(&module, "module", "", "a module of the device")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long the device may take")
	c.Flags().DurationVar(&connect, "deliver-within", 0, "how long to wait for an offline device")
	return c
}

// call makes a call by hand. An answer of another status than 200 to 299 is a failure, as in a workflow.
func (a *app) call(ctx context.Context, h openHub, c hub.Call, format string) error {
	reply, err := h.Invoke(ctx, c)
	if err != nil {
		return err
	}
	if format == "json" {
		writeJSON(a.out, map[string]any{"status": reply.Status, "payload": reply.Payload})
	} else {
		fmt.Fprintf(a.err, "status %d\n", reply.Status)
		writeJSON(a.out, reply.Payload)
	}
	if reply.Status < 200 || reply.Status > 299 {
		return coded{exitFailed, fmt.Errorf("%s on %s answered status %d", c.Method, c.Device, reply.Status)}
	}
	return nil
}

// twinJSON is a twin with the names that expressions have for its parts.
func twinJSON(t hub.Twin) map[string]any {
	return map[string]any{
		"deviceId": t.Device, "connectionState": t.ConnectionState, "status": t.Status, "etag": t.ETag,
		"tags": t.Tags, "desired": t.Desired, "reported": t.Reported,
		"desiredVersion": t.DesiredVersion, "reportedVersion": t.ReportedVersion,
	}
}
