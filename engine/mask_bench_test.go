package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine/expr"
)

// BenchmarkMask is what it costs to look for three secrets, one of them as large as a certificate, in what every step
// gives: a twin and the answers of a server, of which the last holds a secret.
func BenchmarkMask(b *testing.B) {
	m := NewMasker(map[string]string{
		"token": "abK+/x9Qz1/+w==", "password": `p@ss "wörd" 1`, "cert": "-----BEGIN CERTIFICATE-----\n" + strings.Repeat("MIIB+/x9\n", 300),
	})
	twin := map[string]any{}
	for i := range 20 {
		twin[fmt.Sprintf("property%d", i)] = map[string]any{"value": float64(i), "unit": "degrees Celsius", "at": "2026-03-01T12:00:00.000Z"}
	}
	page := expr.CompactJSON(map[string]any{"twin": twin, "url": "https://example.com/?q=a%20b&r=c+d"})
	for _, c := range []struct {
		name  string
		value any
	}{
		{"twin", twin},
		{"text", strings.Repeat("the quick brown fox jumps over the lazy dog ", 100)},
		{"json", page},
		{"json in json", expr.CompactJSON(page)},
		{"echo", map[string]any{"twin": twin, "echo": "Bearer abK+/x9Qz1/+w=="}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Value(c.value)
			}
		})
	}
}
