package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/twinbook/twinbook/engine"
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
		{source: desk + "journal: { keepFor: 90 }\n"},
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
