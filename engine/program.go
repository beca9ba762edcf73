package engine

// A Program is a workflow that passed every check.
type Program struct {
	File     string
	Source   []byte
	Hash     string // SHA-256 of Source, in hex
	Workflow *Workflow
}
