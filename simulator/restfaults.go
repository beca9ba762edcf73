package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	faults "github.com/twinbook/twinbook/simulator/fault"
)

// faultRoutes are calls of our own: what goes wrong, while the hub runs.
var faultRoutes = []route{
	{method: "GET", path: "twinbook/faults", need: serviceConnect, serve: (*request).listFaults},
	{method: "GET", path: "twinbook/faults/*", need: serviceConnect, serve: (*request).getFault},
	{method: "POST", path: "twinbook/faults", need: serviceConnect, serve: (*request).addFault},
	{method: "DELETE", path: "twinbook/faults", need: serviceConnect, serve: (*request).removeFaults},
	{method: "DELETE", path: "twinbook/faults/*", need: serviceConnect, serve: (*request).removeFault},
}

func (r *request) listFaults() (reply, error) {
	list := r.hub.Faults()
	if list == nil {
		list = []faults.Status{} // an array, never null
	}
	return reply{body: list}, nil
}

func (r *request) getFault() (reply, error) { return r.faultReply(r.path[2]) }

func (r *request) faultReply(id string) (reply, error) {
	for _, s := range r.hub.Faults() {
		if s.Fault.ID == id {
			return reply{body: s}, nil
		}
	}
	return reply{}, noFault(id)
}

func noFault(id string) error {
	return notFound.fault("There is no fault %s", printable(id))
}

// addFault takes a fault as JSON, or in the text form of the command line.
func (r *request) addFault() (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	f, err := parseFault(body)
	if err != nil {
		return reply{}, badFault(err)
	}
	id, err := r.hub.AddFault(f)
	if err != nil {
		return reply{}, badFault(err)
	}
	return r.faultReply(id)
}

func parseFault(body []byte) (f faults.Fault, err error) {
	// No fault in the text form begins so, or is JSON by chance.
	if body = bytes.TrimSpace(body); bytes.HasPrefix(body, []byte("{")) || bytes.HasPrefix(body, []byte("[")) || json.Valid(body) {
		return f, json.Unmarshal(body, &f)
	}
	return faults.Parse(string(body))
}

// badFault gives the reason without the sign that would break up ErrorCode:…;text.
func badFault(err error) error {
	var m *faults.Mistake
	if !errors.As(err, &m) {
		m = &faults.Mistake{Says: "the fault is no JSON: " + printable(err.Error())}
	}
	return argumentInvalid.fault("%s", strings.ReplaceAll(m.Error(), ";", ","))
}

func (r *request) removeFault() (reply, error) {
	if !r.hub.RemoveFault(r.path[2]) {
		return reply{}, noFault(r.path[2])
	}
	return reply{status: http.StatusNoContent}, nil
}

func (r *request) removeFaults() (reply, error) {
	for _, s := range r.hub.Faults() {
		r.hub.RemoveFault(s.Fault.ID)
	}
	return reply{status: http.StatusNoContent}, nil
}
