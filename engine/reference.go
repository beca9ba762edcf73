package engine

import (
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// Reference is the page of Markdown that describes every step type, made from the definitions.
func Reference(types *Types) string {
	var b strings.Builder
	b.WriteString("# Step types\n\nMade from the definitions (`UPDATE=1 go test ./steps` writes it); do not edit.\n\n")
	b.WriteString("Every step has `outcome error startedAt finishedAt attempts` for later expressions; what its action adds stands below. " +
		"The actions `steps parallel forEach repeat call` put steps together; [language.md](language.md#blocks-branches-loops) has them.\n\n")
	b.WriteString("| action | what it does | after a crash |\n| --- | --- | --- |\n")
	for _, t := range types.All() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", t.Name, strings.ToLower(t.Name), t.Summary, t.afterCrash())
	}
	for _, t := range types.All() {
		t.reference(&b)
	}
	return b.String()
}

func (t *StepType) afterCrash() string {
	switch {
	case !t.runs:
		return "goes on"
	case t.delivery != nil:
		return "depends on its parameters"
	}
	return map[Delivery]string{Read: "is read again", Repeatable: "is done again", Once: "is not repeated (kind `interrupted`)"}[t.Delivery]
}

func (t *StepType) reference(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s.", t.Name, upperFirst(t.Summary))
	if t.Doc != "" {
		b.WriteString(" " + t.Doc)
	}
	if t.Timeout > 0 {
		fmt.Fprintf(b, " Its timeout is %s unless the step says otherwise.", expr.FormatDuration(t.Timeout))
	}
	fmt.Fprintf(b, "\n\n```yaml\n%s\n```\n", strings.Trim(t.Example, "\n"))
	t.referenceFields(b, "parameter", t.Fields, func(f Field) string { return f.typeText() })
	t.referenceFields(b, "output", t.Outputs, func(f Field) string { return f.Type.Kind.String() })
}

func (t *StepType) referenceFields(b *strings.Builder, what string, fields []Field, kind func(Field) string) {
	if len(fields) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| %s | is | |\n| --- | --- | --- |\n", what)
	for _, f := range fields {
		name := "`" + f.Name + "`"
		if f.Kind == KindNames || f.Whole {
			name = "*names*"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, kind(f), f.Doc+f.notes())
	}
}

var fieldKindWords = [...]string{
	KindText: "text", KindInt: "whole number", KindNumber: "number", KindBool: "true or false", KindDuration: "duration",
	KindTime: "time", KindAny: "anything", KindObject: "mapping", KindTextMap: "mapping of texts", KindTextList: "list of texts",
	KindQuery: "query", KindURL: "URL", KindCond: "expression", KindChecks: "expressions", KindNames: "names and values",
}

// typeText is what a parameter's value must be, in words.
func (f Field) typeText() string {
	if len(f.OneOf) > 0 {
		return "`" + strings.Join(f.OneOf, "` `") + "`"
	}
	return fieldKindWords[f.Kind]
}

func (f Field) notes() string {
	var notes string
	if f.Required {
		notes += " **Required.**"
	}
	if f.Default != "" {
		notes += fmt.Sprintf(" Default `%s`.", f.Default)
	}
	if f.Short {
		notes += " May stand alone in place of the mapping."
	}
	if len(f.Sees) > 0 {
		notes += fmt.Sprintf(" It also sees `%s`.", strings.Join(f.Sees, "` `"))
	}
	return notes
}

func upperFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
