package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/hub/azure"
	"github.com/twinbook/twinbook/internal/clock"
)

// chooseHub is the hub of a run: --hub, TWINBOOK_HUB, the configuration's defaultHub.
func (a *app) chooseHub(c *configuration, flag string) (hubConfig, error) {
	name, by := flag, "--hub"
	if name == "" {
		name, by = a.getenv("TWINBOOK_HUB"), "TWINBOOK_HUB"
	}
	if name == "" {
		name, by = c.defaultHub, "defaultHub"
	}
	if name == "" {
		return hubConfig{}, c.noHub()
	}
	if h := c.find(name); h != nil {
		return *h, nil
	}
	return hubConfig{}, c.unknownHub(name, by)
}

var errNoHub = errors.New("no hub is named")

func (c *configuration) noHub() error {
	if c.file != "" {
		return fmt.Errorf("%w: use --hub NAME, TWINBOOK_HUB, or defaultHub in %s (%s)", errNoHub, c.file, c.hubHint())
	}
	return fmt.Errorf("%w, and there is no %s here.\n"+
		"  For a real hub, set %s to the connection string of one of its policies,\n"+
		"  or write a %s (its format: twinbook schema config).\n"+
		"  For simulated devices, twinbook init writes all that is needed into this folder", errNoHub, defaultConfig, connectionVariable, defaultConfig)
}

func (c *configuration) unknownHub(name, by string) error {
	if c.file == "" {
		return fmt.Errorf("%s names the hub %q, and there is no %s here that defines it", by, name, defaultConfig)
	}
	return fmt.Errorf("%s names the hub %q, which %s does not have (%s)", by, name, c.file, c.hubHint())
}

// checkHubs holds the hubs that a workflow and its triggers name against the configuration.
func (c *configuration) checkHubs(p *engine.Program) engine.Problems {
	var problems engine.Problems
	for _, use := range append(p.Hubs(), p.TriggerHubs()...) {
		if c.find(use.Name) == nil {
			msg := fmt.Sprintf("there is no hub %q in %s", use.Name, c.file)
			if c.file == "" {
				msg = fmt.Sprintf("there is no hub %q: no %s was found", use.Name, defaultConfig)
			}
			problems = append(problems, p.Problem(use.Pos, len(use.Name), "unknown-hub", c.hubHint(), msg))
		}
	}
	return problems
}

// checkSecrets holds the secrets that a workflow's webhooks name against the configuration. Runs do not need them.
func (c *configuration) checkSecrets(p *engine.Program) (problems engine.Problems) {
	for _, use := range p.TriggerSecrets() {
		if c.secret(use.Name) == nil {
			problems = append(problems, unknownSecret(p, use))
		}
	}
	return problems
}

// An openHub is a hub that can be reached, until close.
type openHub struct {
	hub.Hub
	name  string // in the configuration
	title string // how a run names it
	real  bool   // real devices may be touched
	close func()
}

// simulatorTitle is before the name of a hub that is simulated in this process.
const simulatorTitle = "simulator "

// open makes a hub of the configuration ready. Real ones are not touched before the first request;
// a simulator runs in this process, and its devices are connected.
func (a *app) open(ctx context.Context, c clock.Clock, h hubConfig) (openHub, error) {
	if h.simulator != "" {
		d, err := a.startDesk(ctx, c, h.simulator, deskOptions{})
		if err != nil {
			return openHub{}, fmt.Errorf("hub %s: %w", h.name, err)
		}
		return openHub{Hub: d.hub.Client(), name: h.name, title: simulatorTitle + h.name, close: d.stop}, nil
	}
	client, err := a.openAzure(c, h)
	if err != nil {
		return openHub{}, fmt.Errorf("hub %s: %w", h.name, err)
	}
	return openHub{Hub: client, name: h.name, title: client.Host(), real: true, close: func() { client.Close() }}, nil
}

func (a *app) openAzure(c clock.Clock, h hubConfig) (*azure.Client, error) {
	text, err := a.read(h.connection)
	if err != nil {
		return nil, err
	}
	options := azure.Options{Clock: c, Proxy: http.ProxyFromEnvironment}
	if h.ca != "" {
		if options.CA, err = os.ReadFile(h.ca); err != nil {
			return nil, err
		}
	}
	return azure.Open(strings.TrimSpace(text), options)
}
