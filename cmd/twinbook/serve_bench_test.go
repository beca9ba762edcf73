//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// Benchmarks of a server with very many schedules, to be run by hand with -benchtime 1x: they take as long as the times
// that they wait for.

// scheduled is a folder with so many workflows, each with so many schedules; cron gives their texts.
func scheduled(b *testing.B, workflows, each int, cron func(n int) string) string {
	dir := b.TempDir()
	files := map[string]string{
		"hub.secret":    "HostName=127.0.0.1:1;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0",
		"twinbook.yaml": "version: 1\nhubs: { none: { type: azure, connectionString: { file: hub.secret } } }\ndefaultHub: none\njournal: { file: journal.db }\n",
	}
	for w := range workflows {
		var text strings.Builder
		fmt.Fprintf(&text, "version: 1\nworkflow: w%d\nschedules:\n", w)
		for s := range each {
			fmt.Fprintf(&text, "  - cron: %q\n", cron(w*each+s))
		}
		text.WriteString("steps:\n  - log: here\n")
		files[fmt.Sprintf("workflows/w%d.yaml", w)] = text.String()
	}
	writeAll(b, dir, files)
	return dir
}

// BenchmarkServeIdle is the processor time that a server with 10,000 schedules takes while none is due, in percent of
// one processor over 20 seconds. The goal is less than 1 %.
func BenchmarkServeIdle(b *testing.B) {
	dir := scheduled(b, 1000, 10, func(n int) string { return fmt.Sprintf("%d %d 1 1 *", n%60, n%24) })
	for b.Loop() {
		began := time.Now()
		s := startServing(b, dir, "", "--listen", "127.0.0.1:0")
		s.mustReady()
		b.ReportMetric(time.Since(began).Seconds(), "s-to-ready")
		time.Sleep(2 * time.Second) // what it does first is not idle
		from := s.processorTime()
		time.Sleep(20 * time.Second)
		b.ReportMetric(100*(s.processorTime()-from).Seconds()/20, "%cpu")
		b.ReportMetric(s.residentMemory(), "MB")
		s.stopped()
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkServeSameMinute is how late 1,000 schedules of 10,000 begin their runs that fall on the same minute. The goal
// is 100 ms for each.
func BenchmarkServeSameMinute(b *testing.B) {
	for b.Loop() {
		due := time.Now().UTC().Add(15 * time.Second).Truncate(time.Minute).Add(time.Minute)
		dir := scheduled(b, 1000, 10, func(n int) string {
			if n%10 == 0 {
				return fmt.Sprintf("%d %d * * *", due.Minute(), due.Hour())
			}
			return fmt.Sprintf("%d %d 1 1 *", n%60, n%24)
		})
		s := startServing(b, dir, "", "--listen", "127.0.0.1:0", "--log-level", "warn")
		time.Sleep(time.Until(due.Add(3 * time.Second)))
		if code := s.stopped(); code != exitOK {
			b.Fatalf("it ended with %d:\n%s", code, s.said())
		}
		late := lateness(b, dir, due)
		if len(late) != 1000 {
			b.Fatalf("%d runs were begun, want 1000:\n%s", len(late), s.said())
		}
		b.ReportMetric(late[0], "ms-first")
		b.ReportMetric(late[len(late)/2], "ms-p50")
		b.ReportMetric(late[len(late)-1], "ms-last")
	}
	b.ReportMetric(0, "ns/op")
}

// lateness is how long after a time the runs of a journal began, in milliseconds and in order.
func lateness(b *testing.B, dir string, due time.Time) (late []float64) {
	j := openKept(b, dir)
	defer j.Close()
	for run, err := range record.Each(b.Context(), j, journal.Filter{}) {
		if err != nil {
			b.Fatal(err)
		}
		late = append(late, float64(run.Started.Sub(due).Microseconds())/1000)
	}
	slices.Sort(late)
	return late
}

// processorTime is what the process has taken so far.
func (s *serving) processorTime() time.Duration {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:])) // from the third on, see proc(5)
	ticks := 0
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			s.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // a tick is a hundredth of a second on all that we know
}

// residentMemory is in MB.
func (s *serving) residentMemory() float64 {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.command.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / 1e6
}
