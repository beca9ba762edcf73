package engine

import (
	"context"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// noWorld is the world of the step types below; nothing is carried out in these tests.
type noWorld struct{}

type methodParams struct {
	Method        string        `yaml:"method" required:"true" doc:"The method."`
	Payload       any           `yaml:"payload" doc:"Sent as JSON."`
	DeliverWithin time.Duration `yaml:"deliverWithin" max:"300" doc:"How long to wait for an offline device."`
}

type methodResult struct {
	Status  int `json:"status"`
	Payload any `json:"payload"`
}

type twinParams struct {
	Module string `yaml:"module" doc:"A module of the device."`
}

type twinResult struct {
	Twin any `json:"twin" type:"twin"`
}

type updateParams struct {
	Desired map[string]any `yaml:"desired" doc:"A merge patch."`
	Tags    map[string]any `yaml:"tags" doc:"A merge patch."`
}

type waitTwinParams struct {
	Until *expr.Bound `yaml:"until" required:"true" sees:"twin" doc:"What to wait for."`
}

type waitTelemetryParams struct {
	Where *expr.Bound `yaml:"where" sees:"message" doc:"Which messages."`
	Count int         `yaml:"count" default:"1" min:"1" max:"1000" doc:"How many."`
	Since time.Time   `yaml:"since" default:"the start of the step before" doc:"From when on."`
}

type waitTelemetryResult struct {
	Messages []any  `json:"messages" type:"messages"`
	Next     string `json:"next"`
}

type sendParams struct {
	Payload    any               `yaml:"payload" doc:"The body."`
	Properties map[string]string `yaml:"properties" doc:"Beside it."`
	Expiry     time.Duration     `yaml:"expiry" min:"1" max:"172800" doc:"How long it may wait."`
}

type sendResult struct {
	MessageID string `json:"messageId"`
}

type queryParams struct {
	Query QueryText   `yaml:"query" required:"true" doc:"The query."`
	Where *expr.Bound `yaml:"where" sees:"twin" doc:"Which of them."`
	Limit int         `yaml:"limit" min:"1" doc:"At most so many."`
}

type queryResult struct {
	Devices []any `json:"devices"`
	Count   int   `json:"count"`
	More    bool  `json:"more"`
}

type httpParams struct {
	Method  string            `yaml:"method" oneof:"GET POST PUT PATCH DELETE" default:"GET" doc:"The method."`
	URL     URLText           `yaml:"url" required:"true" doc:"Where."`
	Headers map[string]string `yaml:"headers" headers:"true" doc:"Headers."`
	Body    any               `yaml:"body" doc:"Sent as JSON."`
	Roles   []string          `yaml:"roles" doc:"A list of texts."`
}

type httpResult struct {
	Status  int            `json:"status"`
	Headers map[string]any `json:"headers"`
	Body    any            `json:"body"`
}

func defineTest[P, R any](spec Spec) *StepType {
	return Define(spec, func(context.Context, noWorld, P) (R, error) { var r R; return r, nil }).Type
}

// testTypes are the step types of the tests in this package: the ones of the language, and a few
// that look like those of devices.
func testTypes() *Types {
	const half = 30 * time.Second
	return NewTypes(
		defineTest[methodParams, methodResult](Spec{Name: "invokeMethod", Summary: "call a method", Timeout: half, Delivery: Once, Expect: "response.status >= 200 and response.status < 300", ExpectText: "status 200 to 299"}),
		defineTest[twinParams, twinResult](Spec{Name: "getTwin", Summary: "read the twin", Timeout: half}),
		defineTest[updateParams, twinResult](Spec{Name: "updateTwin", Summary: "change the twin", Timeout: half, Delivery: Repeatable}),
		defineTest[waitTwinParams, twinResult](Spec{Name: "waitForTwin", Summary: "wait for the twin", MustBound: true}),
		defineTest[waitTelemetryParams, waitTelemetryResult](Spec{Name: "waitForTelemetry", Summary: "wait for messages", MustBound: true}),
		defineTest[sendParams, sendResult](Spec{Name: "sendMessage", Summary: "send a message", Timeout: half, Delivery: Once}),
		defineTest[queryParams, queryResult](Spec{Name: "queryDevices", Summary: "list devices", Timeout: half, NoDevice: true}),
		defineTest[httpParams, httpResult](Spec{Name: "http", Summary: "call a server", Timeout: half, NoDevice: true, Expect: "response.status < 300", ExpectText: "status below 300"}),
		Sleep, WaitForSignal, Approve, Assert, Set, Log, Fail, Stop,
	)
}
