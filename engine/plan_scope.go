package engine

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// scope is what expressions see at one place of a running tree. Its ids are written once.
type scope struct {
	frame   *frameRun
	parent  *scope         // around a loop's body: the scope of the loop
	records map[string]any // steps that ended here, by id
	vars    *variables
	names   map[string]any
	hub     string
	since   time.Time // for a list that begins here: when the step before it began; see seqRun
}

// variables are those of one block; they may be set.
type variables struct {
	parent *variables
	values map[string]any
}

// Get finds a variable here or around.
func (v *variables) Get(name string) any {
	for ; v != nil; v = v.parent {
		if value, ok := v.values[name]; ok {
			return value
		}
	}
	return nil
}

func (v *variables) set(name string, value any) {
	for ; v != nil; v = v.parent {
		if _, ok := v.values[name]; ok {
			v.values[name] = value
			return
		}
	}
}

// Get finds a step's record here or around.
func (s *scope) Get(id string) any {
	for ; s != nil; s = s.parent {
		if record, ok := s.records[id]; ok {
			return record
		}
	}
	return nil
}

func (s *scope) env() expr.Env {
	r := s.frame.r
	names := s.names
	if r.around.Live != nil {
		names = maps.Clone(names)
		maps.Copy(names, r.around.Live())
	}
	return expr.Env{Names: names, Now: r.now, Noise: r.around.Noise, Machine: &r.machine}
}

// body is a scope for one pass of a loop's body: ids inside are not seen outside.
func (s *scope) body(names map[string]any) *scope {
	inner := *s
	inner.parent = s
	inner.records = map[string]any{}
	inner.names = maps.Clone(s.names)
	maps.Copy(inner.names, names)
	inner.names["steps"] = &inner
	return &inner
}

// with is the same scope with more names.
func (s *scope) with(names map[string]any) *scope {
	inner := *s
	inner.names = maps.Clone(s.names)
	maps.Copy(inner.names, names)
	return &inner
}

// declare is the same scope with variables of a block; they see the ones before them.
func (s *scope) declare(vars []Named[*Value]) (*scope, *Error) {
	if len(vars) == 0 {
		return s, nil
	}
	block := &variables{parent: s.vars, values: make(map[string]any, len(vars))}
	inner := s.with(map[string]any{"vars": block})
	inner.vars = block
	for _, v := range vars {
		value, err := v.Value.evalAt(inner.env(), nullIsValue, v.Name)
		if err != nil {
			return nil, valueFailure(err)
		}
		block.values[v.Name] = value
	}
	return inner, nil
}

// beginning is the same scope for a list of steps whose first one looks back to a time.
func (s *scope) beginning(since time.Time) *scope {
	if since.Equal(s.since) {
		return s
	}
	inner := *s
	inner.since = since
	return &inner
}

// on is the scope of a step that names another device or hub.
func (s *scope) on(device *Value, hub string) (*scope, *Error) {
	inner := s
	if device != nil {
		value, err := device.evalAt(s.env(), nullIsError, "device")
		if err != nil {
			return nil, valueFailure(err)
		}
		id, ok := scalarText(value)
		if !ok || strings.TrimSpace(id) == "" {
			return nil, &Error{Kind: KindExpression, Where: device.Pos.String(), Message: fmt.Sprintf("device: expected a device id, got %s", expr.Describe(value))}
		}
		inner = s.with(map[string]any{"device": map[string]any{"id": id}})
	}
	if hub != "" {
		copied := *inner
		copied.hub = hub
		inner = &copied
	}
	return inner, nil
}

// device is the id of the device in scope, or empty.
func (s *scope) device() string {
	device, _ := s.names["device"].(map[string]any)
	id, _ := device["id"].(string)
	return id
}

// duration evaluates a duration; nil gives ok false.
func (s *scope) duration(v *Value, name string) (d time.Duration, ok bool, err *Error) {
	if v == nil {
		return 0, false, nil
	}
	field := Field{Name: name, Kind: KindDuration}
	value, failed := field.evaluate(v, s.env(), nullIsError)
	if failed != nil {
		return 0, false, valueFailure(failed)
	}
	d, failed = expr.ParseDuration(value.(string))
	if failed != nil {
		return 0, false, valueFailure(failed)
	}
	return d, true, nil
}

// count evaluates a whole number of at least 1, or gives the default for nil.
func (s *scope) count(v *Value, name string, otherwise float64) (float64, *Error) {
	return s.amount(Field{Name: name, Kind: KindInt}, v, 1, otherwise)
}

// number evaluates a number, or gives the default for nil.
func (s *scope) number(v *Value, name string, min, otherwise float64) (float64, *Error) {
	return s.amount(Field{Name: name, Kind: KindNumber}, v, min, otherwise)
}

func (s *scope) amount(field Field, v *Value, min, otherwise float64) (float64, *Error) {
	if v == nil {
		return otherwise, nil
	}
	field.Min = &min
	value, err := field.evaluate(v, s.env(), nullIsError)
	if err != nil {
		return 0, valueFailure(err)
	}
	return value.(float64), nil
}

// valueFailure is the failure of a step whose value could not be made.
func valueFailure(err error) *Error {
	e := &Error{Kind: KindExpression, Message: err.Error()}
	if v, ok := err.(*ValueError); ok {
		e.Where = v.Pos.String()
	}
	return e
}

// record is what expressions see of an error. What is not there is missing, and so nil; a null would
// keep the record from being sent anywhere.
func (e *Error) record() any {
	if e == nil {
		return nil
	}
	object := map[string]any{"kind": string(e.Kind), "message": e.Message, "maybeDone": e.MaybeDone}
	if e.Step != "" {
		object["step"] = e.Step
	}
	if e.Device != "" {
		object["device"] = e.Device
	}
	return object
}

// recordIn puts the error into the record of what failed with it, if it did.
func (e *Error) recordIn(record map[string]any) {
	if e != nil {
		record["error"] = e.record()
	}
}

// conditionFailure is the failure of a step whose condition has no boolean answer.
func conditionFailure(e *Expression, err error) *Error {
	return &Error{Kind: KindExpression, Where: e.Pos.String(), Message: fmt.Sprintf("%s: %v", expr.Shorten(e.Source, 120), err)}
}
