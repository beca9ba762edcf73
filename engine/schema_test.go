package engine

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// workflowSchema is the schema as an editor would load it.
func workflowSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(Schema(WorkflowShape(testTypes()), "workflow"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("workflow.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("workflow.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// instance is a node as an editor's YAML parser sees it: JSON by YAML 1.2's own rules.
func instance(n *yamlNode) any {
	switch n.kind {
	case nodeList:
		list := make([]any, 0, len(n.items))
		for _, item := range n.items {
			list = append(list, instance(item))
		}
		return list
	case nodeMap:
		object := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			object[e.key.text] = instance(e.value)
		}
		return object
	}
	if n.isNull() {
		return nil
	}
	if b, ok := n.bool(); ok {
		return b
	}
	if n.isNumber() {
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			return f
		}
	}
	return n.text
}

// The schema and the checker agree on every file; where the schema cannot know, the file says why
// in its first line.
func TestSchemaAgrees(t *testing.T) {
	schema := workflowSchema(t)
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no files (%v)", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f := Open(filepath.Base(file), source)
		if f.root == nil || len(f.Problems()) > 0 {
			continue // no YAML that an editor could hold against a schema
		}
		cannotKnow := bytes.HasPrefix(source, []byte("# schema: cannot know, because "))
		wantValid := cannotKnow || filepath.Base(filepath.Dir(file)) == "good"
		if err := schema.Validate(instance(f.root)); (err == nil) != wantValid {
			t.Errorf("%s: the schema says %v, want valid: %v", file, err, wantValid)
		}
	}
}
