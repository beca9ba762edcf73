package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/twinbook/twinbook/server/access"
)

// description is openapi.yaml.
type description map[string]any

var readDescription = sync.OnceValue(func() description {
	var d map[string]any
	if err := yaml.Unmarshal(openAPI, &d); err != nil {
		panic(err)
	}
	return d
})

// at gives what stands at a place, behind references.
func (d description) at(place ...string) (map[string]any, string) {
	var value any = map[string]any(d)
	for _, name := range place {
		object, _ := value.(map[string]any)
		value = object[name]
		if object, ok := value.(map[string]any); !ok {
			return nil, ""
		} else if ref, ok := object["$ref"].(string); ok {
			place = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
			return d.at(place...)
		}
	}
	for i, name := range place {
		place[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	object, _ := value.(map[string]any)
	return object, "#/" + strings.Join(place, "/")
}

// closed makes the schemas of answers refuse members that they do not describe: clients have to ignore these, and the
// description must not.
func closed(name string, node any) any {
	switch n := node.(type) {
	case []any:
		for i := range n {
			n[i] = closed("", n[i])
		}
	case map[string]any:
		for key, value := range n {
			if key == "allOf" {
				for i, part := range value.([]any) {
					value.([]any)[i] = closed("Fields", part)
				}
				n["unevaluatedProperties"] = false
				continue
			}
			n[key] = closed(key, value)
		}
		_, properties := n["properties"].(map[string]any)
		if _, says := n["additionalProperties"]; properties && !says && !strings.HasSuffix(name, "Fields") {
			n["additionalProperties"] = false
		}
	}
	return node
}

var compiler = sync.OnceValue(func() *jsonschema.Compiler {
	var doc map[string]any
	text, err := json.Marshal(readDescription())
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	if err != nil {
		panic(err)
	}
	components := doc["components"].(map[string]any)
	for _, part := range []any{components["schemas"], components["responses"], doc["paths"]} {
		closed("", part)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("file:///openapi.json", doc); err != nil {
		panic(err)
	}
	return c
})

var (
	compiling sync.Mutex
	schemas   = map[string]*jsonschema.Schema{}
)

// holds says how a text is not what the schema at a place describes.
func holds(place string, text []byte) error {
	compiling.Lock()
	defer compiling.Unlock()
	schema := schemas[place]
	if schema == nil {
		var err error
		if schema, err = compiler().Compile("file:///openapi.json" + place); err != nil {
			return err
		}
		schemas[place] = schema
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// TestOpenAPIHasTheRoutes holds the description against the list of routes, both ways.
func TestOpenAPIHasTheRoutes(t *testing.T) {
	d, known := readDescription(), map[string]string{metricsPattern: access.Viewer}
	for _, r := range routes {
		known[r.pattern] = r.role
	}
	described := map[string]bool{}
	paths, _ := d.at("paths")
	for p, item := range paths {
		for method := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			pattern := strings.ToUpper(method) + " " + p
			described[pattern] = true
			role, ok := known[pattern]
			if !ok {
				t.Errorf("openapi.yaml describes %s, which is no route", pattern)
			}
			checkOperation(t, d, p, method, role)
		}
	}
	for pattern := range known {
		if !described[pattern] {
			t.Errorf("openapi.yaml does not describe %s", pattern)
		}
	}
}

// checkOperation holds what an operation says of itself against its path and its role.
func checkOperation(t *testing.T, d description, p, method, role string) {
	t.Helper()
	operation, _ := d.at("paths", p, method)
	for _, name := range []string{"operationId", "summary", "tags", "responses"} {
		if operation[name] == nil {
			t.Errorf("%s %s has no %s", method, p, name)
		}
	}
	if _, says := operation["security"]; says != (role == "") {
		t.Errorf("%s %s: security %v, and the route asks for %q", method, p, operation["security"], role)
	}
	var inPath []string
	item, _ := d.at("paths", p)
	lists := []any{item["parameters"], operation["parameters"]}
	for _, list := range lists {
		parameters, _ := list.([]any)
		for _, parameter := range parameters {
			object := parameter.(map[string]any)
			if ref, ok := object["$ref"].(string); ok {
				object, _ = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
			}
			if object["in"] == "path" {
				inPath = append(inPath, object["name"].(string))
			}
		}
	}
	var wanted []string
	for _, segment := range strings.Split(p, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			wanted = append(wanted, strings.TrimSuffix(name, "}"))
		}
	}
	slices.Sort(inPath)
	slices.Sort(wanted)
	if !slices.Equal(inPath, wanted) {
		t.Errorf("%s %s has the parameters %v in its path, want %v", method, p, inPath, wanted)
	}
}

// TestOpenAPIReferences: every reference leads somewhere, and every component is referred to.
func TestOpenAPIReferences(t *testing.T) {
	d, used := readDescription(), map[string]bool{}
	var walk func(node any)
	walk = func(node any) {
		switch n := node.(type) {
		case []any:
			for _, each := range n {
				walk(each)
			}
		case map[string]any:
			if ref, ok := n["$ref"].(string); ok {
				used[ref] = true
				if object, _ := d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...); object == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, each := range n {
				walk(each)
			}
		}
	}
	walk(map[string]any(d))
	components, _ := d.at("components")
	for kind, all := range components {
		for name := range all.(map[string]any) {
			if ref := "#/components/" + kind + "/" + name; kind != "securitySchemes" && !used[ref] {
				t.Errorf("nothing refers to %s", ref)
			}
		}
	}
}

// TestOpenAPIExamples holds the examples of request bodies against their schemas.
func TestOpenAPIExamples(t *testing.T) {
	d := readDescription()
	paths, _ := d.at("paths")
	for p, item := range paths {
		for method := range item.(map[string]any) {
			body, place := d.at("paths", p, method, "requestBody")
			content, _ := body["content"].(map[string]any)
			for kind, media := range content {
				example := media.(map[string]any)["example"]
				if example == nil || !isJSON(kind) {
					continue
				}
				text, err := json.Marshal(example)
				if err == nil {
					err = holds(place+"/content/"+strings.ReplaceAll(kind, "/", "~1")+"/schema", text)
				}
				if err != nil {
					t.Errorf("%s %s: %v", method, p, err)
				}
			}
		}
	}
}

// TestOpenAPIAsJSON says when openapi.json is not what openapi.yaml says. UPDATE=1 writes it.
func TestOpenAPIAsJSON(t *testing.T) {
	want, err := json.Marshal(readDescription())
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if bytes.Equal(want, openAPIAsJSON) {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatal("openapi.json is stale; UPDATE=1 go test ./server writes it anew")
	}
	if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// described is a transport that holds requests that were taken, and all answers, against the description.
type described struct {
	t      testing.TB
	server *Server
	next   http.RoundTripper
}

func (d described) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	answer, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind == "text/event-stream" {
		return answer, nil
	}
	got, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(got))
	if err != nil {
		return answer, nil // a test that reads it hears of that
	}
	if err := d.check(r, sent, answer, got); err != nil {
		d.t.Errorf("%s %s: %s %s: %v", r.Method, r.URL.Path, answer.Status, got, err)
	}
	return answer, nil
}

func (d described) check(r *http.Request, sent []byte, answer *http.Response, got []byte) error {
	problem := "#/components/schemas/Problem"
	pattern := d.server.Route(r)
	if answer.StatusCode >= 400 {
		if kind := answer.Header.Get("Content-Type"); kind != "application/problem+json" {
			return fmt.Errorf("Content-Type %q", kind)
		}
		if r.Method == http.MethodHead {
			return nil
		}
		return holds(problem, got)
	}
	method, p, _ := strings.Cut(pattern, " ")
	if r.Method == http.MethodHead || answer.StatusCode == http.StatusNotModified {
		return nil
	}
	operation, _ := readDescription().at("paths", path.Clean(p), strings.ToLower(method))
	if err := checkSent(operation, p, strings.ToLower(method), r.Header.Get("Content-Type"), sent); err != nil {
		return fmt.Errorf("the request %s: %w", sent, err)
	}
	response, place := readDescription().at("paths", p, strings.ToLower(method), "responses", fmt.Sprint(answer.StatusCode))
	if response == nil {
		return fmt.Errorf("the status is not described")
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	content, _ := response["content"].(map[string]any)
	if len(content) == 0 && len(got) == 0 {
		return nil
	}
	if content[kind] == nil {
		return fmt.Errorf("the Content-Type %q is not described", kind)
	}
	if !isJSON(kind) {
		return nil
	}
	return holds(place+"/content/"+strings.ReplaceAll(kind, "/", "~1")+"/schema", got)
}

// checkSent holds a body that the server has taken against the description.
func checkSent(operation map[string]any, p, method, kind string, sent []byte) error {
	if len(sent) == 0 {
		return nil
	}
	if operation["requestBody"] == nil {
		return fmt.Errorf("a body is not described")
	}
	kind, _, _ = mime.ParseMediaType(kind)
	body, place := readDescription().at("paths", p, method, "requestBody")
	if content, _ := body["content"].(map[string]any); content[kind] == nil {
		return fmt.Errorf("the Content-Type %q is not described", kind)
	}
	if !isJSON(kind) {
		return nil
	}
	return holds(place+"/content/"+strings.ReplaceAll(kind, "/", "~1")+"/schema", sent)
}
