package simulator

import (
	"fmt"
	"testing"

	"github.com/twinbook/twinbook/hub"
)

// keepThousands makes devices with a small twin and a kept session, in a folder.
func keepThousands(b *testing.B, dir string, n int) {
	b.Helper()
	s := openState(b, dir)
	h, err := New(Config{State: s})
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		id := fmt.Sprintf("dev-%06d", i)
		if err := h.AddDevice(Device{ID: id, Tags: object{"site": "lab"}, Desired: object{"interval": i}}); err != nil {
			b.Fatal(err)
		}
		attachEcho(b, h, id)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFirstStart makes and connects 100,000 devices that are kept.
func BenchmarkFirstStart(b *testing.B) {
	for b.Loop() {
		keepThousands(b, b.TempDir(), 100_000)
	}
}

// BenchmarkRestart begins with 100,000 devices that were kept.
func BenchmarkRestart(b *testing.B) {
	dir := b.TempDir()
	keepThousands(b, dir, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		s := openState(b, dir)
		h, err := New(Config{State: s})
		if err != nil || len(h.Devices()) != 100_000 {
			b.Fatalf("%d devices, %v", len(h.Devices()), err)
		}
		s.Close()
	}
}

// BenchmarkKept is a write of a twin by a service, with and without a state folder.
func BenchmarkKept(b *testing.B) {
	for name, c := range map[string]Config{"without": {}, "with": {State: openState(b, b.TempDir())}} {
		b.Run(name, func(b *testing.B) {
			h := newHub(b, c)
			patch := hub.Patch{Desired: object{"interval": 5, "deep": object{"a": 1, "b": "text"}}}
			for b.Loop() {
				if _, err := h.Client().UpdateTwin(b.Context(), target("dev-1"), patch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
