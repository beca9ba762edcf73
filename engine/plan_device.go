package engine

// readDevice reads the twin of the device in scope and goes on with a scope that has its tags. Only
// files that ask for device.tags pay for it.
func readDevice(r *Run, reader *StepType, path Address, s *scope, then func(*scope, result)) node {
	step := &Step{
		Action: reader.Name, Do: &Action{Type: reader},
		Name: &Value{Lit: "Read the tags of " + s.device()},
	}
	run := &stepRun{r: r, step: step, path: path.step(step, 0), in: path.owner(), scope: s}
	run.done = func(res result) {
		twin, _ := run.outputs["twin"].(map[string]any)
		device := map[string]any{"id": s.device(), "tags": twin["tags"]}
		then(s.with(map[string]any{"device": device}), res)
	}
	r.post(run.begin)
	return run
}

// deviceReader is the step type that reads the tags of a device, or nil if nothing asks for them.
func (p *Program) deviceReader() *StepType {
	if !p.deviceTags {
		return nil
	}
	return p.reader
}
