package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/server/access"
)

// TestConfigSchemaAgrees holds the schema that editors get against what the command accepts.
func TestConfigSchemaAgrees(t *testing.T) {
	schema := compileSchema(t, configShape(), "config")
	const desk = "version: 1\nhubs: { desk: { type: simulator, file: s.yaml } }\n"
	for _, c := range []struct {
		source string
		good   bool
		beyond string // why a schema cannot know
	}{
		{source: desk, good: true},
		{source: desk + "defaultHub: desk\nsecrets: { token: { env: A }, cert: { file: c.pem } }\nx-note: ours\n", good: true},
		{source: "version: 1\nhubs: { plant: { type: azure, connectionString: { env: A }, ca: ca.pem } }\n", good: true},
		{source: "version: 1\nhubs: {}\n", good: true},
		{source: desk + "journal: { file: runs.db, keepFor: 90d, keepRuns: 1000 }\n", good: true},
		{source: desk + "journal: { keepFor: 1h30m }\n", good: true},
		{source: desk + "journal: {}\n", good: true},
		{source: desk + "serve: {}\n", good: true},
		{source: desk + "serve: { listen: '127.0.0.1:0', workflows: flows, grace: 1m, log: { format: json, level: debug } }\n", good: true},
		{source: desk + "serve: { listen: ':8099', tls: { cert: c.pem, key: k.pem }, tokens: [ { name: ci, hash: '" + goodHash + "', roles: [operator, plant] } ] }\n", good: true},
		{source: desk + "serve: { listen: ':8099', oidc: { issuer: 'https://login.example.com', audience: twinbook, rolesClaim: a.b, nameClaim: sub, roles: { plant-ops: operator, x: [viewer, plant] } } }\n", good: true},
		{source: desk + "serve: 8099\n"},
		{source: desk + "serve: { port: 8099 }\n"},
		{source: desk + "serve: { grace: 30 }\n"},
		{source: desk + "serve: { tls: { cert: c.pem } }\n"},
		{source: desk + "serve: { log: { level: loud } }\n"},
		{source: desk + "serve: { tokens: { ci: x } }\n"},
		{source: desk + "serve: { tokens: [ { name: ci, roles: [operator] } ] }\n"},
		{source: desk + "serve: { oidc: { issuer: 'https://login.example.com' } }\n"},
		{source: desk + "serve: { oidc: { issuer: 'https://login.example.com', audience: twinbook, roles: { ops: { a: b } } } }\n"},
		{source: desk + "serve: { listen: 8099 }\n", beyond: "what an address is follows from how it is resolved"},
		{source: desk + "serve: { listen: '0.0.0.0:8099' }\n", beyond: "what may listen there follows from the tokens"},
		{source: desk + "serve: { listen: '0.0.0.0:8099', tokens: [] }\n", beyond: "what may listen there follows from the tokens"},
		{source: desk + "serve: { grace: 2d }\n", beyond: "a schema knows how a duration is written, not how long it is"},
		{source: desk + "serve: { tokens: [ { name: ci, hash: secret, roles: [operator] } ] }\n", beyond: "what a hash is follows from the hash"},
		{source: desk + "serve: { tokens: [ { name: ci, hash: '" + goodHash + "', roles: [] } ] }\n"},
		{source: desk + "serve: { tokens: [ { name: a, hash: '" + goodHash + "', roles: [viewer] }, { name: b, hash: '" + goodHash + "', roles: [viewer] } ] }\n", beyond: "which hashes there are stands elsewhere in the file"},
		{source: desk + "serve: { oidc: { issuer: 'http://login.example.com', audience: twinbook } }\n", beyond: "which URLs are safe follows from the URL"},
		{source: desk + "allow: {}\n", good: true},
		{source: desk + "allow: { exec: [] }\n", good: true},
		{source: desk + "allow: { exec: [ /usr/bin/flash, { path: /opt/flash/bin/flash }, { name: backup-2.0, path: /usr/local/bin/backup, env: [SITE, API_TOKEN] } ] }\n", good: true},
		{source: desk + "allow: { exec: all }\n"},
		{source: desk + "allow: { exec: [ { name: backup } ] }\n"},
		{source: desk + "allow: { exec: [ '' ] }\n"},
		{source: desk + "allow: { exec: [ { path: /usr/bin/flash, args: [] } ] }\n"},
		{source: desk + "allow: { run: [] }\n"},
		{source: desk + "allow: { exec: [ flash ] }\n", beyond: "a schema does not know paths"},
		{source: desk + "allow: { exec: [ ./flash ] }\n", beyond: "a schema does not know paths"},
		{source: desk + "allow: { exec: [ /usr/bin/../flash ] }\n", beyond: "a schema does not know paths"},
		{source: desk + "allow: { exec: [ { name: /bin/sh, path: /usr/bin/true } ] }\n", beyond: "what a name may be is said better by us"},
		{source: desk + "allow: { exec: [ { name: a, path: /usr/bin/a }, { name: a, path: /usr/bin/b } ] }\n", beyond: "a schema does not compare items"},
		{source: desk + "allow: { exec: [ /usr/bin/a, /usr/bin/a ] }\n", beyond: "a schema does not compare items"},
		{source: desk + "allow: { exec: [ { path: /usr/bin/a, env: [ 'A=B' ] } ] }\n", beyond: "what a name may be is said better by us"},
		{source: desk + "allow: { exec: [ { path: /usr/bin/a, env: [ TWINBOOK_KEY ] } ] }\n", beyond: "what a name may be is said better by us"},
		{source: "version: 2\nhubs: {}\n"},
		{source: "hubs: {}\n"},
		{source: "version: 1\n"},
		{source: desk + "defaulthub: desk\n"},
		{source: desk + "defaultHub: [desk]\n"},
		{source: "version: 1\nhubs: { plant: { type: mqtt } }\n"},
		{source: "version: 1\nhubs: { plant: { file: s.yaml } }\n"},
		{source: "version: 1\nhubs: { plant: { type: azure, connectionString: HostName=x } }\n"},
		{source: desk + "secrets: { token: { env: A, file: b } }\n"},
		{source: desk + "secrets: { token: {} }\n"},
		{source: desk + "secrets: { my-token: { env: A } }\n"},
		{source: desk + "journal: runs.db\n"},
		{source: desk + "journal: { file: '' }\n"},
		{source: desk + "journal: { keepAudit: 400d }\n", good: true},
		{source: desk + "journal: { keepFor: 90 }\n"},
		{source: desk + "journal: { keepAudit: forever }\n"},
		{source: desk + "journal: { keepRuns: 0 }\n"},
		{source: desk + "journal: { keepRuns: many }\n"},
		{source: desk + "journal: { keep: 90d }\n"},
		{source: desk + "journal: { keepFor: 0s }\n", beyond: "a schema knows how a duration is written, not how long it is"},
		{source: desk + "defaultHub: nowhere\n", beyond: "which hubs there are stands elsewhere in the file"},
		{source: "version: 1\nhubs: { desk: { type: simulator } }\n", beyond: "what a hub needs follows from its type"},
		{source: "version: 1\nhubs: { plant: { type: azure, file: x, connectionString: { env: A } } }\n", beyond: "what a hub may have follows from its type"},
	} {
		_, problems := decodeConfig("twinbook.yaml", []byte(c.source))
		if good := len(problems) == 0; good != c.good {
			t.Errorf("%s\nthe command says %v, want good: %v", c.source, problems, c.good)
		}
		var document any
		if err := yaml.Unmarshal([]byte(c.source), &document); err != nil {
			t.Fatal(err)
		}
		err := schema.Validate(document)
		if accepts := err == nil; accepts != (c.good || c.beyond != "") {
			t.Errorf("%s\nthe schema says %v; the command says %v; beyond it: %q", c.source, err, problems, c.beyond)
		}
	}
}

// TestJournalKeeps: what is kept for how long is what the configuration says, or sane.
func TestJournalKeeps(t *testing.T) {
	for given, want := range map[string]journal.Retention{
		"{}": {Age: 90 * 24 * time.Hour, Runs: 100_000, Audit: 400 * 24 * time.Hour},
		"{ keepFor: 1d, keepRuns: 3, keepAudit: 2d }": {Age: 24 * time.Hour, Runs: 3, Audit: 48 * time.Hour},
	} {
		c, problems := decodeConfig("twinbook.yaml", []byte("version: 1\nhubs: {}\njournal: "+given+"\n"))
		if got := c.journal.kept(); len(problems) > 0 || got != want {
			t.Errorf("%s: %+v, %v, want %+v", given, got, problems, want)
		}
	}
}

// goodHash is of no token.
var goodHash = "sha256:" + strings.Repeat("0", 64)

// TestConfigHidesTokens: a token that stands where its hash belongs is not shown with the problem.
func TestConfigHidesTokens(t *testing.T) {
	token, _ := access.NewToken()
	_, problems := decodeConfig("twinbook.yaml", []byte("version: 1\nhubs: {}\nserve:\n  tokens:\n    - { name: ci, hash: "+token+", roles: [operator] }\n"))
	if text := problems.Text(); len(problems) != 1 || strings.Contains(text, token[8:20]) || !strings.Contains(text, "twinbook serve token NAME") {
		t.Errorf("the problems are %s", text)
	}
}

func compileSchema(t *testing.T, s *engine.Shape, title string) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(engine.Schema(s, title))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
