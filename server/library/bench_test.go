package library

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// folderOf has so many workflows, a tenth of which call another one.
func folderOf(b *testing.B, n int) string {
	dir := b.TempDir()
	for i := range n {
		text := fmt.Sprintf("version: 1\nworkflow: w%d\ninputs: { site: { type: string, default: munich } }\ntimeout: 1h\nsteps:\n"+
			"  - id: before\n    device: dev-1\n    getTwin: {}\n  - log: at ${{ inputs.site }}\n  - assert: steps.before.twin.connectionState == \"Connected\"\n", i)
		if i%10 == 1 {
			text += fmt.Sprintf("  - call: { workflow: w%d.yaml }\n", i-1)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("w%d.yaml", i)), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// BenchmarkOpen loads 1,000 workflows.
func BenchmarkOpen(b *testing.B) {
	dir := folderOf(b, 1000)
	for b.Loop() {
		l, err := Open(b.Context(), Config{Dir: dir, Kind: kind, Compile: compile})
		if err != nil || len(l.Workflows()) != 1000 {
			b.Fatalf("%v, %d workflows", err, len(l.Workflows()))
		}
	}
}

// BenchmarkLook looks at 1,000 workflows that have not changed.
func BenchmarkLook(b *testing.B) {
	dir := folderOf(b, 1000)
	old := time.Now().Add(-time.Hour)
	files, err := Find(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		if err := os.Chtimes(f, old, old); err != nil {
			b.Fatal(err)
		}
	}
	l, err := Open(b.Context(), Config{Dir: dir, Kind: kind, Compile: compile})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if l.look(b.Context()) {
			b.Fatal("something has changed")
		}
	}
}
