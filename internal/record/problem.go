package record

import "github.com/twinbook/twinbook/engine"

// A Problem is one thing wrong with a file, and where.
type Problem struct {
	File    string `json:"file"` // of a called workflow another one
	Line    int    `json:"line"` // from 1
	Col     int    `json:"col"`  // from 1, in characters
	Width   int    `json:"width"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Source  string `json:"source"` // the line; of a very long one the part around the place

	SourceFrom int `json:"sourceFrom,omitempty"` // the column that Source begins with, where that is not the first
}

// Problems are the engine's, never null.
func Problems(problems engine.Problems) []Problem {
	list := make([]Problem, len(problems))
	for i, p := range problems {
		list[i] = Problem{
			File: p.Pos.File, Line: p.Pos.Line, Col: p.Pos.Col, Width: p.Width,
			Rule: p.Rule, Message: p.Msg, Hint: p.Hint,
		}
		text, from := p.Excerpt()
		list[i].Source = text
		if from > 1 {
			list[i].SourceFrom = from
		}
	}
	return list
}
