package engine

// Schema is the JSON Schema (2020-12) of files of a shape, ready to be written as JSON. What it
// cannot know is only checked by Compile: names in expressions, what is used twice, called files.
func Schema(s *Shape, title string) map[string]any {
	w := schemaWriter{defs: map[string]any{}}
	root := w.body(s)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = title
	if len(w.defs) > 0 {
		root["$defs"] = w.defs
	}
	return root
}

// A schemaWriter turns shapes into schemas; those with a name are written once and referred to.
type schemaWriter struct{ defs map[string]any }

type object = map[string]any

func (w *schemaWriter) schema(s *Shape) object {
	if s.Name == "" {
		return w.body(s)
	}
	if _, known := w.defs[s.Name]; !known {
		w.defs[s.Name] = nil // before the body, which may refer to it
		w.defs[s.Name] = w.body(s)
	}
	return object{"$ref": "#/$defs/" + s.Name}
}

func (w *schemaWriter) body(s *Shape) object {
	var out object
	switch {
	case s.Either != nil:
		out = w.either(s)
	case s.Keys != nil:
		out = w.keys(s)
	case s.Map != nil:
		out = object{"type": "object", "additionalProperties": w.schema(s.Map)}
		if !s.AnyName {
			out["propertyNames"] = namePattern()
		}
	case s.List != nil:
		out = object{"type": "array", "items": w.schema(s.List)}
		if s.NotEmpty {
			out["minItems"] = 1
		}
	default:
		out = leafSchema(s)
	}
	if s.Doc != "" {
		out["description"] = s.Doc
	}
	return out
}

func (w *schemaWriter) either(s *Shape) object {
	var any []object
	for _, e := range s.Either {
		any = append(any, w.schema(e))
	}
	return object{"anyOf": any}
}

func namePattern() object { return object{"pattern": "^" + Identifier + "$"} }

func (w *schemaWriter) keys(s *Shape) object {
	properties, required, needs := object{}, []string{}, object{}
	for _, k := range s.Keys {
		property := w.schema(k.Shape)
		if k.Doc != "" && property["description"] == nil {
			property["description"] = k.Doc
		}
		properties[k.Name] = property
		if k.Required {
			required = append(required, k.Name)
		}
		if len(k.Needs) > 0 {
			needs[k.Name] = k.Needs
		}
	}
	out := object{
		"type": "object", "properties": properties, "additionalProperties": false,
		"patternProperties": object{"^x-": true},
	}
	if s.Map != nil {
		out["additionalProperties"] = w.schema(s.Map)
		out["propertyNames"] = object{"pattern": "^(" + Identifier + "|x-.*)$"}
		out["minProperties"] = 1
	}
	if len(required) > 0 {
		out["required"] = required
	}
	if len(needs) > 0 {
		out["dependentRequired"] = needs
	}
	if s.OneKey != nil {
		out["oneOf"] = oneOfKeys(s.OneKey)
	}
	if s.Short == "" {
		return out
	}
	short := w.schema(s.key(s.Short).Shape)
	return object{"anyOf": []object{out, {"allOf": []object{{"not": object{"type": []string{"object", "null"}}}, short}}}}
}

func oneOfKeys(keys []string) []object {
	var out []object
	for _, key := range keys {
		out = append(out, object{"required": []string{key}})
	}
	return out
}

// templatePattern is a text with ${{ }} in it.
const templatePattern = `\$\{\{`

// durationPattern is what ParseDuration reads.
const durationPattern = `^([0-9]+(\.[0-9]+)?(ms|d|h|m|s))+$`

// textTypes are how YAML reads a scalar that a text field keeps as it is written.
var textTypes = []string{"string", "number", "boolean"}

// leafSchema is one scalar, or free data.
func leafSchema(s *Shape) object {
	if s.Const != nil {
		return object{"const": s.Const}
	}
	out := plainLeaf(s)
	if s.Literal || s.Kind == KindAny || s.Kind == KindCond {
		return out
	}
	switch s.Kind {
	case KindText, KindQuery, KindURL:
		if len(s.OneOf) == 0 {
			return out
		}
	}
	return object{"anyOf": []object{out, {"type": "string", "pattern": templatePattern}}}
}

func plainLeaf(s *Shape) object {
	switch s.Kind {
	case KindInt, KindNumber:
		return bounded(s, object{"type": map[FieldKind]string{KindInt: "integer", KindNumber: "number"}[s.Kind]})
	case KindBool:
		return object{"type": "boolean"}
	case KindDuration:
		return object{"type": "string", "pattern": durationPattern}
	case KindTime:
		return object{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}T`}
	case KindAny:
		return object{}
	case KindObject:
		return object{"type": "object"}
	case KindTextMap:
		return object{"type": "object", "additionalProperties": object{"type": textTypes}}
	case KindTextList:
		out := object{"type": "array", "items": object{"type": textTypes}}
		if s.NotEmpty {
			out["minItems"] = 1
		}
		return out
	case KindCond:
		return object{"type": textTypes, "not": object{"type": "string", "pattern": templatePattern}}
	}
	return textSchema(s)
}

func textSchema(s *Shape) object {
	if len(s.OneOf) > 0 {
		return object{"enum": s.OneOf}
	}
	out := object{"type": textTypes}
	if s.Literal {
		out["not"] = object{"type": "string", "pattern": templatePattern}
	}
	switch {
	case s.Pattern != nil:
		out["pattern"] = s.Pattern.String()
	case s.IsName:
		out["pattern"] = "^" + Identifier + "$"
	case s.NotEmpty:
		out["pattern"] = `\S`
	}
	return out
}

func bounded(s *Shape, out object) object {
	if s.Min != nil {
		out["minimum"] = *s.Min
	}
	if s.Max != nil {
		out["maximum"] = *s.Max
	}
	return out
}
