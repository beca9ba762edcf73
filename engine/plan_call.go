package engine

// startCall runs another workflow; it inherits nothing but deadline and cancel.
func startCall(r *Run, call *Call, path Address, s *scope, done func(result)) node {
	frame := newFrame(r, call.Program, path, done)
	raw := make(map[string]any, len(call.Inputs))
	for _, in := range call.Inputs {
		value, err := in.Value.evalAt(s.env(), nullIsError, "inputs."+in.Name)
		if err != nil {
			r.post(func() { done(result{status: Failed, err: valueFailure(err)}) })
			return frame
		}
		raw[in.Name] = value
	}
	inputs, err := call.Program.CheckInputs(raw)
	if err != nil {
		r.post(func() { done(result{status: Failed, err: &Error{Kind: KindInvalid, Message: err.Error()}}) })
		return frame
	}
	frame.start(inputs, func(res result) {
		res.end = nil
		var outputs any // nil, and no empty object, where the workflow failed
		if res.outputs != nil {
			outputs = res.outputs
		}
		res.outputs = map[string]any{"outputs": outputs}
		done(res)
	})
	return frame
}
