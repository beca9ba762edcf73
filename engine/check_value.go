package engine

import (
	"regexp"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// use says how a value is used.
type use int

const (
	literalNull use = iota // no secret; null is a value
	nullFails              // no secret
	intoWorld              // a parameter that leaves the process: secrets may stand in it
	inSight                // no secret, though it leaves the process: others see it
)

// fitting says which types an expression may have where a value of a kind is wanted.
var fitting = map[FieldKind][]expr.Kind{
	KindText: {expr.Bool, expr.Number, expr.String, expr.Time, expr.Duration}, KindInt: {expr.Number}, KindNumber: {expr.Number},
	KindBool: {expr.Bool}, KindDuration: {expr.String, expr.Duration}, KindTime: {expr.String, expr.Time},
	KindObject: {expr.Object}, KindTextMap: {expr.Object}, KindTextList: {expr.List},
	KindQuery: {expr.Bool, expr.Number, expr.String, expr.Time, expr.Duration}, KindURL: {expr.Bool, expr.Number, expr.String, expr.Time, expr.Duration},
}

// value compiles the expressions of a value and holds what they give against its kind.
func (k *fileCheck) value(v *Value, kind FieldKind, at sight, u use) {
	if v == nil {
		return
	}
	inner := KindAny
	if kind == KindTextMap || kind == KindTextList {
		inner = KindText
	}
	for _, key := range v.Keys {
		k.value(key.Value, inner, at, u)
	}
	for _, item := range v.Items {
		k.value(item, inner, at, u)
	}
	if v.Kind != ValueTemplate {
		return
	}
	if e := v.Whole(); e != nil {
		k.fits(e, k.compile(e, at.scope, wantAny), kind)
		return
	}
	for _, part := range v.Parts {
		switch {
		case part.Secret != "":
			k.secret(part, u)
		case part.Expr != nil:
			k.fits(part.Expr, k.compile(part.Expr, at.scope, wantAny), KindText)
		}
	}
}

// fits notes an expression whose type cannot fit the kind.
func (k *fileCheck) fits(e *Expression, t expr.Type, kind FieldKind) {
	allowed := fitting[kind]
	if t.Kind == expr.Any || allowed == nil {
		return
	}
	for _, a := range allowed {
		if t.Kind == a {
			return
		}
	}
	hint := ""
	if kind == KindText {
		hint = "use toJSON(…), or a member of it"
	}
	k.at(e.Pos, e.Source, "wrong-type", hint, "expected %s, but this is %s", kindExpected[kind], t.Kind)
}

func (k *fileCheck) secret(part TextPart, u use) {
	name := part.Secret
	if u == inSight {
		k.at(part.Pos, "secrets."+name, "secret-place", "give it in another parameter, such as env or stdin", "the secret %s cannot stand here: whoever is on the machine can see it while the step is under way", name)
		return
	}
	if u != intoWorld {
		k.at(part.Pos, "secrets."+name, "secret-place", "use it in the parameter that needs it, such as a header of http", "the secret %s cannot stand here; only in parameters of actions that talk to the world", name)
		return
	}
	k.secrets = append(k.secrets, Use{Name: name, Pos: part.Pos})
}

// condition compiles an expression that gives a boolean.
func (k *fileCheck) condition(e *Expression, scope *expr.Scope) {
	if e != nil {
		k.compile(e, scope, wantBool)
	}
}

func (k *fileCheck) param(t *StepType, p *Param, at sight) {
	u := nullFails
	switch {
	case t.TalksToWorld() && p.Field.Seen:
		u = inSight
	case t.TalksToWorld():
		u = intoWorld
	}
	switch p.Field.Kind {
	case KindCond:
		k.condition(p.Cond, k.seeing(t, p.Field, at).scope)
	case KindChecks:
		for _, check := range p.Checks {
			k.condition(check.That, at.scope)
			k.value(check.Message, KindText, at, nullFails)
		}
	case KindNames:
		for _, name := range p.Names {
			k.settable(name, at)
			k.value(name.Value, KindAny, at, u)
		}
	default:
		k.value(p.Value, p.Field.Kind, at, u)
		k.placed(p)
	}
}

// seeing adds the names that a condition sees beside the usual ones.
func (k *fileCheck) seeing(t *StepType, f *Field, at sight) sight {
	if len(f.Sees) == 0 {
		return at
	}
	names := map[string]expr.Type{}
	for _, name := range f.Sees {
		switch name {
		case "twin":
			names[name] = expr.TwinType()
		case "message":
			names[name] = expr.MessageType()
		case "response":
			names[name] = t.responseType()
		default:
			names[name] = expr.Type{Kind: expr.Object}
		}
	}
	return at.with(names)
}

// placed notes an expression where data could become code, and text that cannot be sent.
func (k *fileCheck) placed(p *Param) {
	if p.Value == nil {
		return
	}
	switch p.Field.Kind {
	case KindQuery:
		k.quotedInQuery(p.Value)
	case KindURL:
		k.behindHost(p.Value)
	case KindTextMap:
		k.headers(p)
	}
}

func (k *fileCheck) quotedInQuery(v *Value) {
	quote := byte(0)
	for _, part := range v.Parts {
		if part.Expr == nil && part.Secret == "" {
			quote = openQuote(part.Text, quote)
			continue
		}
		if quote == 0 {
			name := "secrets." + part.Secret
			if part.Expr != nil {
				name = part.Expr.Source
			}
			k.at(part.Pos, name, "query-injection", "write: '${{ … }}' with quotes around it", "in a query, ${{ }} may stand only inside a quoted text")
			return
		}
	}
}

// openQuote is the quote that is open behind a piece of a query.
func openQuote(text string, quote byte) byte {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		}
	}
	return quote
}

var (
	urlStart = regexp.MustCompile(`^(?i:https?)://[^/?#\s$]+`)
	urlHost  = regexp.MustCompile(`^(?i:https?)://[^/?#\s]+[/?#]`)
)

func (k *fileCheck) behindHost(v *Value) {
	text := skeleton(v)
	switch {
	case v.Kind == ValueTemplate && !urlHost.MatchString(v.Parts[0].Text):
		k.at(v.Pos, "", "url-injection", "write the server out: https://server/… and use ${{ }} behind it", "in a URL, ${{ }} may stand only behind the server's name")
		return
	case !urlStart.MatchString(text):
		k.at(v.Pos, text, "wrong-value", "", "expected a URL that begins with https:// or http://")
		return
	}
	if _, err := ParseURL(text); err != nil {
		k.at(v.Pos, "", "wrong-value", "", "%s", err)
	}
}

// headers notes header fields that no server would get.
func (k *fileCheck) headers(p *Param) {
	if !p.Field.Headers {
		return
	}
	for _, field := range p.Value.Keys {
		if err := CheckHeader(field.Name, skeleton(field.Value)); err != nil {
			k.at(field.Pos, field.Name, "wrong-value", "", "%s", err)
		}
	}
}

// skeleton is a text as the file has it, with an x in place of each ${{ }}.
func skeleton(v *Value) string {
	if v.Kind != ValueTemplate {
		text, _ := scalarText(v.Lit)
		return text
	}
	var b strings.Builder
	for _, part := range v.Parts {
		if part.Expr != nil || part.Secret != "" {
			b.WriteByte('x')
		}
		b.WriteString(part.Text)
	}
	return b.String()
}
