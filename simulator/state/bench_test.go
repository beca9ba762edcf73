package state

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// record is of the size of a small twin's.
var record = map[string]any{"version": 12, "etag": 4, "reported": map[string]any{"values": map[string]any{"text": strings.Repeat("x", 200)}}}

func thousands(t testing.TB, n int) (dir string) {
	t.Helper()
	s := mustOpen(t, t.TempDir())
	for i := range n {
		mustWrite(t, s, Change{"twin", fmt.Sprintf("device-%06d", i), record})
	}
	mustClose(t, s)
	return s.Dir()
}

// BenchmarkOpen opens and reads 100,000 records.
func BenchmarkOpen(b *testing.B) {
	dir := thousands(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		s := mustOpen(b, dir)
		n := 0
		for _, err := range s.Records() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100_000 {
			b.Fatalf("%d records", n)
		}
		mustClose(b, s)
	}
}

func BenchmarkWrite(b *testing.B) {
	s := mustOpen(b, b.TempDir())
	c := Change{"twin", "device-000001", record}
	b.ReportAllocs()
	for b.Loop() {
		mustWrite(b, s, c)
	}
}

// BenchmarkFile is the floor under BenchmarkWrite: the same bytes, appended to a file.
func BenchmarkFile(b *testing.B) {
	f, err := os.CreateTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	text := make([]byte, 300)
	for b.Loop() {
		if _, err := f.Write(text); err != nil {
			b.Fatal(err)
		}
	}
}
