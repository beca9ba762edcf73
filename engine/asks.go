package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// WaitForSignal waits until somebody sends the run a signal.
var WaitForSignal = defineAsk(Spec{
	Name:    "waitForSignal",
	Summary: "wait until somebody sends the run a signal",
	Doc: "A signal is sent with `twinbook runs signal` or by the API, under a name and perhaps with a payload. " +
		"One that comes before the run waits for it is kept, from the beginning of the run on. Each is taken by one step: " +
		"of several that wait for the same name, by the one that began first.",
	Example: `
- id: delivered
  waitForSignal: partsDelivered
  timeout: 3d
- log: ${{ steps.delivered.by }} has brought ${{ toJSON(steps.delivered.payload) }}`,
	NoDevice: true, MustBound: true,
}, func(p waitForSignalParams) (Ask, error) {
	if strings.TrimSpace(p.Name) == "" {
		return Ask{}, &Error{Kind: KindExpression, Message: "name: expected the name of a signal, got an empty text"}
	}
	return Ask{Signal: p.Name}, nil
})

type waitForSignalParams struct {
	Name string `yaml:"name" short:"true" required:"true" notempty:"true" doc:"The name of the signal."`
}

// Approve waits until somebody who may do so says yes or no.
var Approve = defineAsk(Spec{
	Name:    "approve",
	Summary: "wait until somebody says yes",
	Doc: "It is answered with `twinbook runs approve` or `twinbook runs reject`, or by the API. A no fails the step with kind `rejected`, " +
		"no answer within its `timeout` with kind `timeout`. Who answers needs one of the roles; an admin may answer every one, an operator those that a viewer may.",
	Example: `
- id: go
  approve: Reboot ${{ inputs.count }} devices?
  timeout: 1d
- approve: { message: "The line stands still. Go on?", roles: [shiftLead] }
  timeout: 30m`,
	NoDevice: true, MustBound: true,
}, func(p approveParams) (Ask, error) {
	switch {
	case p.Roles == nil:
		p.Roles = []string{"operator"}
	case len(p.Roles) == 0:
		return Ask{}, &Error{Kind: KindExpression, Message: "roles: expected at least one role, got an empty list"}
	}
	return Ask{Message: p.Message, Roles: p.Roles}, nil
})

type approveParams struct {
	Message string   `yaml:"message" short:"true" required:"true" notempty:"true" doc:"What is to be approved, for people."`
	Roles   []string `yaml:"roles" notempty:"true" doc:"Who may answer: whoever has one of these roles; [operator] unless given."`
}

// unanswered is the failure of an ask whose time is up.
func (a *Ask) unanswered(timeout time.Duration) *Error {
	text := "nobody has answered within "
	if a.Signal != "" {
		text = fmt.Sprintf("no signal %s has come within ", a.Signal)
	}
	return &Error{Kind: KindTimeout, Message: text + expr.FormatDuration(timeout)}
}
