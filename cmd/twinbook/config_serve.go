package main

import (
	"errors"
	"log/slog"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/server/access"
)

// A serveConfig is what a configuration says of the server.
type serveConfig struct {
	listen    string // HOST:PORT
	workflows string // the folder
	grace     time.Duration
	cert, key string // PEM files; empty: no TLS
	tokens    []access.Token
	oidc      *access.OIDC // nil: no issuer
	logFormat string       // text or json
	logLevel  slog.Level
}

// usualServe is what holds where the configuration says nothing.
var usualServe = serveConfig{listen: "127.0.0.1:8099", workflows: "workflows", grace: 30 * time.Second, logFormat: "text", logLevel: slog.LevelInfo}

var (
	logFormats = []string{"text", "json"}
	logLevels  = []string{"debug", "info", "warn", "error"}
)

// longestGrace is far above what supervisors wait for.
const longestGrace = 24 * time.Hour

func serveShape() *engine.Shape {
	roles := &engine.Shape{What: "a list of roles", List: engine.Name("A role: viewer, operator, admin, or one that a workflow's approve asks for."), NotEmpty: true}
	token := &engine.Shape{Doc: "Whoever has a token may do what its roles allow.", Keys: []engine.Key{
		{Name: "name", Required: true, Doc: "Who it is, in runs and in the audit trail.", Shape: engine.Name("")},
		{Name: "hash", Required: true, Doc: "What twinbook serve token NAME prints; never the token itself.", Shape: engine.Name("")},
		{Name: "roles", Required: true, Doc: "What it may do.", Shape: roles},
	}}
	oidc := &engine.Shape{Doc: "An issuer of OpenID Connect, whose bearer tokens are accepted.", Keys: []engine.Key{
		{Name: "issuer", Required: true, Doc: "Its URL, exactly as its tokens have it.", Shape: engine.Name("")},
		{Name: "audience", Required: true, Doc: "Whom its tokens must be made for.", Shape: engine.Name("")},
		{Name: "rolesClaim", Doc: "Where a token has its roles, such as realm_access.roles; roles unless given.", Shape: engine.Name("")},
		{Name: "nameClaim", Doc: "Where it says whose it is; preferred_username unless given, else email, else sub.", Shape: engine.Name("")},
		{Name: "roles", Doc: "What the roles of the issuer mean here; unless given, each means itself.",
			Shape: &engine.Shape{Map: &engine.Shape{Either: []*engine.Shape{roles, engine.Name("")}}, Names: "role", AnyName: true}},
	}}
	return &engine.Shape{What: "a mapping such as { listen: 127.0.0.1:8099 }", Keys: []engine.Key{
		{Name: "listen", Doc: "HOST:PORT; 127.0.0.1:8099 unless given.", Shape: engine.Name("")},
		{Name: "workflows", Doc: "The folder of workflows, beside this file; workflows unless given.", Shape: engine.Name("")},
		{Name: "grace", Doc: "How long steps that are under way may take when the server ends; 30s unless given.", Shape: &engine.Shape{Kind: engine.KindDuration, Literal: true}},
		{Name: "tls", Doc: "The certificate, read again when its files change.", Shape: &engine.Shape{Keys: []engine.Key{
			{Name: "cert", Required: true, Doc: "A PEM file beside this one: the certificate, with the chain to its authority.", Shape: engine.Name("")},
			{Name: "key", Required: true, Doc: "A PEM file beside this one: its key.", Shape: engine.Name("")},
		}}},
		{Name: "tokens", Doc: "Who may come in with a token.", Shape: &engine.Shape{List: token}},
		{Name: "oidc", Doc: "Who may come in with a token of somebody else's.", Shape: oidc},
		{Name: "log", Doc: "What the server tells of itself.", Shape: &engine.Shape{Keys: []engine.Key{
			{Name: "format", Doc: "text unless given.", Shape: engine.OneOf("", logFormats...)},
			{Name: "level", Doc: "info unless given.", Shape: engine.OneOf("", logLevels...)},
		}}},
	}}
}

// serveOf reads what a configuration says of the server.
func (c *configuration) serveOf(d *engine.Decoded) serveConfig {
	s := usualServe
	s.cert, s.key = c.beside(d.Get("tls").Get("cert").Text()), c.beside(d.Get("tls").Get("key").Text())
	if listen := d.Get("listen"); listen.Text() != "" {
		s.listen = listen.Text()
	}
	if dir := d.Get("workflows").Text(); dir != "" {
		s.workflows = dir
	}
	s.workflows = c.beside(s.workflows)
	if grace := d.Get("grace"); grace != nil {
		s.grace = graceOf(grace)
	}
	s.tokens = tokensOf(d.Get("tokens"))
	s.oidc = oidcOf(d.Get("oidc"))
	if format := d.Get("log").Get("format").Text(); format != "" {
		s.logFormat = format
	}
	if level := d.Get("log").Get("level").Text(); level != "" {
		s.logLevel = levelOf(level)
	}
	known := len(d.Get("tokens").Items()) > 0 || d.Has("oidc") // even if what they say is wrong
	if err := access.CheckListen(s.listen, known); err != nil && d.Get("listen") != nil {
		d.Get("listen").Problem("wrong-value", "", err.Error())
	}
	return s
}

// authenticated says whether whoever comes needs a token.
func (s serveConfig) authenticated() bool { return len(s.tokens) > 0 || s.oidc != nil }

var errLongGrace = errors.New("a server that is to end cannot wait for more than a day")

// graceOf reads a duration; one that is written wrongly has been noted.
func graceOf(d *engine.Decoded) time.Duration {
	grace, err := graceText(d.Text())
	if errors.Is(err, errLongGrace) {
		d.Problem("wrong-value", "", err.Error())
	}
	return grace
}

// tokensOf reads the tokens; each is held against those before it.
func tokensOf(d *engine.Decoded) (good []access.Token) {
	for _, item := range d.Items() {
		t := access.Token{Name: item.Get("name").Text(), Hash: item.Get("hash").Text(), Roles: textsOf(item.Get("roles"))}
		if t.Name == "" || t.Hash == "" || len(t.Roles) == 0 {
			continue // that has been said
		}
		if _, err := access.New(access.Config{Tokens: append(good[:len(good):len(good)], t)}); err != nil {
			d.File().Hide(t.Hash) // perhaps it is the token itself
			item.Problem("wrong-value", "", err.Error())
			continue
		}
		good = append(good, t)
	}
	return good
}

func oidcOf(d *engine.Decoded) *access.OIDC {
	if d == nil || d.Get("issuer").Text() == "" || d.Get("audience").Text() == "" {
		return nil
	}
	o := &access.OIDC{Issuer: d.Get("issuer").Text(), Audience: d.Get("audience").Text(), RolesClaim: d.Get("rolesClaim").Text(), NameClaim: d.Get("nameClaim").Text()}
	for _, role := range d.Get("roles").Entries() {
		if o.Roles == nil {
			o.Roles = map[string][]string{}
		}
		o.Roles[role.Name] = textsOf(role.Value)
	}
	if _, err := access.New(access.Config{OIDC: o}); err != nil {
		d.Get("issuer").Problem("wrong-value", "", err.Error())
		return nil
	}
	return o
}

// textsOf are the texts of a list, or the one that stands in its place.
func textsOf(d *engine.Decoded) (texts []string) {
	if one := d.Text(); one != "" {
		return []string{one}
	}
	for _, item := range d.Items() {
		if text := item.Text(); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// levelOf is a level of the log by its name, which is a good one.
func levelOf(name string) (level slog.Level) {
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return level
}
