package main

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/record"
)

// BenchmarkShowLongRun shows a run of 100,000 events: a loop over 33,000 devices.
func BenchmarkShowLongRun(b *testing.B) {
	j, run := recorded(b, fmt.Sprintf(loopSource, 33_000), 1000*time.Hour, func(_ context.Context, _ clock.Clock, cmd engine.Command, _ func(string)) (any, error) {
		return map[string]any{"twin": map[string]any{"deviceId": cmd.Device, "connectionState": "Connected"}}, nil
	})
	events, err := j.Events(b.Context(), run.ID, 0)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range []showFlags{{values: valuesShort}, {values: valuesShort, all: true}} {
		b.Run(fmt.Sprintf("%d events, all=%v", len(events), f.all), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := record.Read(b.Context(), j, run, compileStored)
				if err != nil {
					b.Fatal(err)
				}
				var out bytes.Buffer
				a := &app{out: &out}
				if err := a.showRecord(b.Context(), j, screen{w: &out}, r, f, at("11:00:00")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
