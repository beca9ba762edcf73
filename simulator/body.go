package simulator

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/twinbook/twinbook/simulator/wire"
)

// decodeBody reads a body of JSON into a struct or list of ours; what is the noun for it in messages.
// It nests no deeper than depth.
func decodeBody(body []byte, depth int, what string, into any) error {
	if err := checkBody(body, depth); err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return argumentInvalid.fault("The request body is not %s: %s", what, misfit(err))
	}
	return nil
}

// checkBody refuses a body that is no JSON, nests deeper than depth, or has half a character in it.
func checkBody(body []byte, depth int) error {
	err := wire.CheckJSON(body, depth)
	if err == nil {
		err = wire.CheckEscapes(body)
	}
	if err != nil {
		return argumentInvalid.fault("The request body is not valid: %v", err)
	}
	return nil
}

// misfit says which member of good JSON has the wrong kind of value.
func misfit(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return printable(err.Error())
	}
	member := ""
	if wrong.Field != "" {
		member = strings.TrimPrefix(wrong.Field, reflect.TypeFor[identityMembers]().Name()+".") + ": "
	}
	found, _, _ := strings.Cut(wrong.Value, " ") // the kind, and then a number itself
	expected, found := kindNames[wrong.Type.Kind().String()], kindNames[found]
	if expected == found {
		return member + "the number is out of range"
	}
	return member + "expected " + expected + ", found " + found
}

// kindNames is what people call the kinds of Go and of encoding/json.
var kindNames = map[string]string{
	"struct": "an object", "map": "an object", "object": "an object", "slice": "a list", "array": "a list",
	"string": "a string", "bool": "true or false", "float64": "a number", "number": "a number",
}
