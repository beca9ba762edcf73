package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// Sleep waits.
var Sleep = defineWait(Spec{
	Name:    "sleep",
	Summary: "wait for a duration, or until a time",
	Example: `
- sleep: 90s
- sleep: { untilTime: "2026-03-01T02:30:00Z" }`,
	NoDevice: true,
	Either:   []string{"duration", "untilTime"},
}, func(c EvalContext, p sleepParams) (time.Time, error) {
	if !p.UntilTime.IsZero() {
		return p.UntilTime, nil
	}
	return c.Now.Add(p.Duration), nil
})

type sleepParams struct {
	Duration  time.Duration `yaml:"duration" short:"true" doc:"How long to wait."`
	UntilTime time.Time     `yaml:"untilTime" doc:"When to go on; a time that has passed does not wait."`
}

// Set writes variables.
var Set = defineEval(Spec{
	Name:     "set",
	Summary:  "give variables new values",
	Doc:      "A name must be declared in `vars` of the workflow or of an enclosing block. Null is a value here.",
	NoDevice: true,
	Nulls:    true,
	Example: `
- set: { attempts: "${{ vars.attempts + 1 }}" }`,
}, func(_ EvalContext, p setParams) (Effect, error) { return Effect{Set: p.Values}, nil })

type setParams struct {
	Values map[string]any `yaml:",names" doc:"Names and values."`
}

// Log writes a message.
var Log = defineEval(Spec{
	Name:     "log",
	Summary:  "write a message to the run's log",
	NoDevice: true,
	Nulls:    true,
	Example: `
- log: firmware is ${{ inputs.firmware }}
- log: { level: warn, message: the device is slow, fields: { seconds: 12 } }`,
}, func(_ EvalContext, p logParams) (Effect, error) {
	return Effect{Log: &LogLine{Level: p.Level, Message: p.Message, Fields: p.Fields}}, nil
})

type logParams struct {
	Message string         `yaml:"message" short:"true" required:"true" doc:"What to say."`
	Level   string         `yaml:"level" oneof:"debug info warn error" default:"info" doc:"How much it matters."`
	Fields  map[string]any `yaml:"fields" doc:"Values beside the message."`
}

// Fail ends the nearest run as failed.
var Fail = defineEval(Spec{
	Name:     "fail",
	Summary:  "end the run as failed",
	Doc:      "Ends the nearest run (the workflow, or the called workflow) with an error of kind `failed`. No `catch` inside it runs, every `finally` does.",
	NoDevice: true,
	Example: `
- fail: the device has no battery`,
}, func(_ EvalContext, p endParams) (Effect, error) {
	return Effect{End: &End{Failed: true, Message: p.Message}}, nil
})

// Stop ends the nearest run as succeeded.
var Stop = defineEval(Spec{
	Name:     "stop",
	Summary:  "end the run as succeeded",
	Doc:      "Ends the nearest run (the workflow, or the called workflow) early. Steps under way beside it are cancelled, every `finally` runs.",
	NoDevice: true,
	Example: `
- stop: there is nothing to do`,
}, func(_ EvalContext, p endParams) (Effect, error) { return Effect{End: &End{Message: p.Message}}, nil })

type endParams struct {
	Message string `yaml:"message" short:"true" required:"true" doc:"Why."`
}

// Assert holds expressions to be true.
var Assert = defineEval(Spec{
	Name:     "assert",
	Summary:  "fail unless every expression is true",
	Doc:      "Every line is evaluated; the failure shows each one that is not true with the values of its parts.",
	NoDevice: true,
	Example: `
- assert: inputs.count > 0
- assert:
    - inputs.count > 0
    - that: inputs.count < 100
      message: too many at once`,
}, assertAll)

type assertParams struct {
	Checks []Check `yaml:"checks" short:"true" required:"true" doc:"An expression, or a list of expressions or of that with message."`
}

func assertAll(c EvalContext, p assertParams) (Effect, error) {
	var failed []CheckFailure
	for _, check := range p.Checks {
		holds, err := check.That.Expr.Test(c.Env)
		if err == nil && holds {
			continue
		}
		failed = append(failed, check.failure(c.Env, err))
	}
	if len(failed) == 0 {
		return Effect{}, nil
	}
	return Effect{}, &Error{Kind: KindAssertion, Message: assertMessage(failed), Failed: failed}
}

func (check Check) failure(env expr.Env, err error) CheckFailure {
	f := CheckFailure{
		Where: check.That.Pos.String(), Source: check.That.Source,
		Reason: "is false", Parts: check.That.Expr.Explain(env),
	}
	if err != nil {
		f.Reason = err.Error()
	}
	if check.Message != nil {
		text, failed := check.Message.evalText(env, "message", nil)
		if failed != nil {
			text = failed.Error()
		}
		f.Message, _ = text.(string)
	}
	return f
}

func assertMessage(failed []CheckFailure) string {
	lines := make([]string, len(failed))
	for i, f := range failed {
		lines[i] = f.Message
		if f.Message == "" {
			lines[i] = fmt.Sprintf("%s %s", expr.Shorten(f.Source, 200), f.Reason)
		}
	}
	return strings.Join(lines, "; ")
}
