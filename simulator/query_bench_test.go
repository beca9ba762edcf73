package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// tagged makes a fleet with tags and properties: each site has every tenth device, each serial one.
func tagged(tb testing.TB, n int) *Hub {
	tb.Helper()
	h, err := New(Config{Seed: "bench"})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		err := h.AddDevice(Device{
			ID:      fmt.Sprintf("dev-%06d", i),
			Tags:    map[string]any{"site": fmt.Sprintf("site-%d", i%10), "serial": fmt.Sprintf("s-%d", i), "floor": i % 7},
			Desired: map[string]any{"interval": i % 60},
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return h
}

// askREST asks a query through the handler of REST.
func askREST(tb testing.TB, h *Hub, token, text string) {
	tb.Helper()
	r := httptest.NewRequest("POST", "/devices/query?api-version=2021-04-12", strings.NewReader(string(encodeJSON(queryBody{text}))))
	r.Header.Set("Authorization", token)
	w := httptest.NewRecorder()
	if h.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
		tb.Fatal(w.Body)
	}
}

// BenchmarkQueryTag100k is the first page of a query over 100,000 devices. The first three find many
// devices, one and none by a tag; the others cannot tell a device by its marks and look into each.
func BenchmarkQueryTag100k(b *testing.B) {
	h := tagged(b, 100_000)
	token := policyToken(b, h, "service", "localhost")
	for _, c := range []struct{ name, text string }{
		{"many", "SELECT * FROM devices WHERE tags.site = 'site-3'"},
		{"one", "SELECT * FROM devices WHERE tags.serial = 's-99999'"},
		{"none", "SELECT * FROM devices WHERE tags.site = 'nowhere'"},
		{"compare", "SELECT * FROM devices WHERE tags.floor > 7"},
		{"desired", "SELECT * FROM devices WHERE properties.desired.interval = 70"},
		{"count", "SELECT tags.site AS site, COUNT() AS n FROM devices GROUP BY tags.site"},
	} {
		b.Run(c.name+"/ask", func(b *testing.B) {
			benchmarkMedian(b, func() {
				if _, err := h.ask(inquiry{text: c.text}); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run(c.name+"/REST", func(b *testing.B) {
			benchmarkMedian(b, func() { askREST(b, h, token, c.text) })
		})
	}
}

// benchmarkMedian reports the median beside the mean: a collection of garbage in between is no part of a query.
func benchmarkMedian(b *testing.B, f func()) {
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		f()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
}

// BenchmarkQueryAllPages100k reads 100,000 devices, and as many groups, to the last page.
func BenchmarkQueryAllPages100k(b *testing.B) {
	h := tagged(b, 100_000)
	for name, text := range map[string]string{
		"twins":  "SELECT * FROM devices",
		"rows":   "SELECT deviceId, tags.site FROM devices",
		"groups": "SELECT deviceId, COUNT() AS n FROM devices GROUP BY deviceId",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, n := allPages(b, h, text, 1000); n != 100_000 {
					b.Fatalf("%d rows", n)
				}
			}
		})
	}
}

// allPages reads a query to its last page.
func allPages(tb testing.TB, h *Hub, text string, size int) (rows []map[string]any, n int) {
	tb.Helper()
	in := inquiry{text: text, pageSize: size}
	for {
		page, err := h.ask(in)
		if err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, page.rows...)
		n += len(page.rows) + len(page.views)
		if in.continuation = page.next; page.next == "" {
			return rows, n
		}
	}
}
