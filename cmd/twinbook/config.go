package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/steps"
)

// defaultConfig is the configuration that is read where nobody names one.
const defaultConfig = "twinbook.yaml"

// connectionVariable defines and chooses a hub where there is no configuration.
const connectionVariable = "IOTHUB_CONNECTION_STRING"

// caVariable names a file of authorities to trust for that hub.
const caVariable = "TWINBOOK_CA"

// A configuration says which hubs there are, where secrets come from and where runs are recorded.
type configuration struct {
	file       string // empty: there is none
	hubs       []hubConfig
	defaultHub string
	secrets    []engine.Named[origin]
	journal    journalConfig
	commands   map[string]steps.AllowedCommand // that exec may run
	serve      serveConfig
}

// A hubConfig is one hub of the configuration.
type hubConfig struct {
	name       string
	simulator  string // the simulator file; empty: Azure
	connection origin
	ca         string // a file; empty: the system's authorities
}

// An origin says where a text comes from that stands in no file of ours.
type origin struct{ env, file string }

// loadConfig reads the configuration that --config or TWINBOOK_CONFIG names, or that lies in the
// working directory. Where there is none, IOTHUB_CONNECTION_STRING stands for one.
func (a *app) loadConfig() (*configuration, error) {
	file, given := a.config, true
	if file == "" {
		file = a.getenv("TWINBOOK_CONFIG")
	}
	if file == "" {
		file, given = defaultConfig, false
	}
	source, err := readSource(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		return a.bareConfig(), nil
	case err != nil:
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c, problems := decodeConfig(file, source)
	return c, problems.Err()
}

func (a *app) bareConfig() *configuration {
	c := &configuration{journal: usualJournal, serve: usualServe}
	if a.getenv(connectionVariable) != "" {
		c.hubs = []hubConfig{{name: "azure", connection: origin{env: connectionVariable}, ca: a.getenv(caVariable)}}
		c.defaultHub = "azure"
	}
	return c
}

func (a *app) getenv(name string) string {
	value, _ := a.env(name)
	return value
}

// configShape is what a configuration may hold.
func configShape() *engine.Shape {
	hub := &engine.Shape{Doc: "A hub: where devices are reached.", Keys: []engine.Key{
		{Name: "type", Required: true, Doc: "What it is.", Shape: engine.OneOf("", "simulator", "azure")},
		{Name: "file", Doc: "Of a simulator: its file, beside this one.", Shape: engine.Text("")},
		{Name: "connectionString", Doc: "Of Azure: where the connection string of one of the hub's policies comes from.", Shape: originShape("a connection string")},
		{Name: "ca", Doc: "Of Azure: a PEM file of authorities, for a hub with a CA of its own.", Shape: engine.Text("")},
	}}
	return &engine.Shape{Leading: "hubs", Doc: "The configuration: hubs, secrets, the journal and the server.", Keys: []engine.Key{
		engine.Version(),
		{Name: "hubs", Required: true, Doc: "The hubs by name.", Shape: &engine.Shape{Map: hub, Names: "hub", AnyName: true}},
		{Name: "defaultHub", Doc: "The hub of a run that names none.", Shape: engine.Text("")},
		{Name: "secrets", Doc: "Secrets by name, and where they come from.", Shape: &engine.Shape{Map: originShape("a secret"), Names: "secret"}},
		{Name: "journal", Doc: "Where runs are recorded, and for how long.", Shape: journalShape()},
		{Name: "allow", Doc: "What workflows may do on the machine where twinbook runs.", Shape: allowShape()},
		{Name: "serve", Doc: "The server, twinbook serve.", Shape: serveShape()},
	}}
}

// originShape is where a text comes from; it never stands in the file itself.
func originShape(what string) *engine.Shape {
	return &engine.Shape{
		What: "{ env: NAME } or { file: FILE }", Private: true, OneKey: []string{"env", "file"}, OneIn: what,
		Keys: []engine.Key{
			{Name: "env", Doc: "The environment variable that holds it.", Shape: engine.Text("")},
			{Name: "file", Doc: "The file that holds it, beside this one.", Shape: engine.Text("")},
		},
	}
}

func decodeConfig(file string, source []byte) (*configuration, engine.Problems) {
	f := engine.Open(file, source)
	d := f.Decode(configShape())
	c := &configuration{file: file, defaultHub: d.Get("defaultHub").Text()}
	for _, e := range d.Get("hubs").Entries() {
		c.hubs = append(c.hubs, c.hub(e.Name, e.Value))
	}
	for _, e := range d.Get("secrets").Entries() {
		c.secrets = append(c.secrets, engine.Named[origin]{Pos: e.Pos, Name: e.Name, Value: c.origin(e.Value)})
	}
	c.journal = c.journalOf(d.Get("journal"))
	c.commands = commandsOf(d.Get("allow").Get("exec"))
	c.serve = c.serveOf(d.Get("serve"))
	if c.defaultHub != "" && c.find(c.defaultHub) == nil {
		d.Get("defaultHub").Problem("unknown-hub", c.hubHint(), fmt.Sprintf("there is no hub %q in this file", c.defaultHub))
	}
	return c, f.Problems()
}

// hub reads one hub and notes the keys that do not go together.
func (c *configuration) hub(name string, d *engine.Decoded) hubConfig {
	h := hubConfig{name: name}
	switch d.Get("type").Text() {
	case "simulator":
		h.simulator = c.beside(d.Get("file").Text())
		needs(d, "simulator", "file", "file: simulator.yaml")
		refuses(d, "simulator", "connectionString", "ca")
	case "azure":
		h.connection, h.ca = c.origin(d.Get("connectionString")), c.beside(d.Get("ca").Text())
		needs(d, "azure", "connectionString", "connectionString: { env: FACTORY_HUB }")
		refuses(d, "azure", "file")
	}
	return h
}

func needs(d *engine.Decoded, kind, key, example string) {
	if !d.Has(key) {
		d.Problem("missing-key", "write: "+example, fmt.Sprintf("a hub of type %s needs %s", kind, key))
	}
}

func refuses(d *engine.Decoded, kind string, keys ...string) {
	for _, key := range keys {
		if part := d.Get(key); part != nil {
			part.Problem("unknown-key", "", fmt.Sprintf("a hub of type %s has no %s", kind, key))
		}
	}
}

func (c *configuration) origin(d *engine.Decoded) origin {
	return origin{env: d.Get("env").Text(), file: c.beside(d.Get("file").Text())}
}

// beside is a path that a configuration names, seen from the working directory.
func (c *configuration) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.file), path)
}

func (c *configuration) find(name string) *hubConfig {
	for i := range c.hubs {
		if c.hubs[i].name == name {
			return &c.hubs[i]
		}
	}
	return nil
}

// secret is where a secret comes from, or nil.
func (c *configuration) secret(name string) *origin {
	for i := range c.secrets {
		if c.secrets[i].Name == name {
			return &c.secrets[i].Value
		}
	}
	return nil
}

// hubHint says which hubs there are.
func (c *configuration) hubHint() string {
	if len(c.hubs) == 0 {
		return "it has none"
	}
	return "it has: " + strings.Join(c.hubNames(), ", ")
}

func (c *configuration) hubNames() []string {
	names := make([]string, len(c.hubs))
	for i, h := range c.hubs {
		names[i] = h.name
	}
	return names
}

// read gives the text that an origin names; a file's last line break is not part of it.
func (a *app) read(o origin) (string, error) {
	if o.env != "" {
		value, ok := a.env(o.env)
		if !ok || value == "" {
			return "", fmt.Errorf("the environment variable %s is not set; set it and start twinbook again", o.env)
		}
		return value, nil
	}
	text, err := os.ReadFile(o.file)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}
