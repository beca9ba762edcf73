package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/twinbook/twinbook/engine"
)

// readInputs puts together the inputs of a run: those of a file, and over them those given as name=value.
func (a *app) readInputs(ctx context.Context, p *engine.Program, file string, pairs []string) (map[string]any, error) {
	values, err := a.inputsFile(ctx, file)
	if err != nil {
		return nil, err
	}
	given, err := givenInputs(p, pairs)
	if err != nil {
		return nil, err
	}
	maps.Copy(values, given)
	return p.CheckInputs(values)
}

// givenInputs reads name=value by the types that the workflow declares.
func givenInputs(p *engine.Program, pairs []string) (map[string]any, error) {
	texts := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--input %q is not name=value", pair)
		}
		if _, twice := texts[name]; twice {
			return nil, fmt.Errorf("--input %s is given twice", name)
		}
		texts[name] = text
	}
	// Only the inputs that were given are asked for here: the others may be in the file.
	asked := *p.Workflow
	asked.Inputs = nil
	known := make(map[string]string, len(texts))
	for _, in := range p.Workflow.Inputs {
		if text, ok := texts[in.Name]; ok {
			asked.Inputs = append(asked.Inputs, in)
			known[in.Name] = text
			delete(texts, in.Name)
		}
	}
	values, err := (&engine.Program{Workflow: &asked}).ParseInputs(known)
	if err != nil {
		return nil, err
	}
	for name, text := range texts {
		values[name] = text // CheckInputs says what is wrong with it
	}
	return values, nil
}

// inputsFile reads a YAML or JSON file of inputs; "-" is the standard input.
func (a *app) inputsFile(ctx context.Context, file string) (map[string]any, error) {
	values := map[string]any{}
	if file == "" {
		return values, nil
	}
	source, err := a.readStdinOr(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("--inputs: %w", err)
	}
	f := engine.Open(file, source)
	d := f.Decode(&engine.Shape{Map: &engine.Shape{Kind: engine.KindAny, Literal: true}, Names: "input"})
	if err := f.Problems().Err(); err != nil {
		return nil, err
	}
	for _, e := range d.Entries() {
		values[e.Name] = e.Value.Constant()
	}
	return values, nil
}

// readStdinOr reads a file, or for "-" what comes in, unless a signal comes first.
func (a *app) readStdinOr(ctx context.Context, file string) ([]byte, error) {
	if file != "-" {
		return readSource(file)
	}
	type read struct {
		text []byte
		err  error
	}
	all := make(chan read, 1)
	go func() { // it may wait for a terminal for ever; then the program's end ends it
		text, err := io.ReadAll(io.LimitReader(a.in, maxRead))
		all <- read{text, err}
	}()
	select {
	case r := <-all:
		return r.text, r.err
	case <-ctx.Done():
		return nil, stopped(ctx)
	}
}
