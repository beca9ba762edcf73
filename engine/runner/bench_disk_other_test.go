//go:build !linux

package runner

import (
	"os"
	"testing"
)

// toDisk appends a page to f and waits until it is on the disk.
func toDisk(b *testing.B, f *os.File) {
	b.Helper()
	if _, err := f.Write(make([]byte, 4096)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
}
