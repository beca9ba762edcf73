package main

import (
	"github.com/twinbook/twinbook/internal/record"
)

// The shape of `validate --output json`, described in docs/output.md.
type (
	checkedJSON struct {
		Files    []fileJSON `json:"files"`
		Problems int        `json:"problems"` // of all files
	}
	fileJSON struct {
		File     string           `json:"file"`
		Kind     string           `json:"kind"` // workflow, simulator, suite or hubs
		Problems []record.Problem `json:"problems"`
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
		all.Files = append(all.Files, fileJSON{File: r.file, Kind: kind, Problems: record.Problems(r.problems)})
	}
	return all
}
