package main

import "github.com/twinbook/twinbook/engine"

// The shape of `validate --output json`, described in docs/output.md.
type (
	checkedJSON struct {
		Files    []fileJSON `json:"files"`
		Problems int        `json:"problems"` // of all files
	}
	fileJSON struct {
		File     string        `json:"file"`
		Kind     string        `json:"kind"` // workflow, simulator, suite or hubs
		Problems []problemJSON `json:"problems"`
	}
	problemJSON struct {
		File    string `json:"file"` // of a called workflow another one
		Line    int    `json:"line"` // from 1
		Col     int    `json:"col"`  // from 1, in characters
		Width   int    `json:"width"`
		Rule    string `json:"rule"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
		Source  string `json:"source"` // the line
	}
)

func checkedOf(results []checked) checkedJSON {
	all := checkedJSON{Files: []fileJSON{}}
	for _, r := range results {
		all.Problems += len(r.problems)
		kind := r.kind
		if kind == "" {
			kind = "workflow"
		}
		all.Files = append(all.Files, fileJSON{File: r.file, Kind: kind, Problems: problemsOf(r.problems)})
	}
	return all
}

func problemsOf(problems engine.Problems) []problemJSON {
	list := make([]problemJSON, len(problems))
	for i, p := range problems {
		list[i] = problemJSON{
			File: p.Pos.File, Line: p.Pos.Line, Col: p.Pos.Col, Width: p.Width,
			Rule: p.Rule, Message: p.Msg, Hint: p.Hint, Source: p.Line,
		}
	}
	return list
}
