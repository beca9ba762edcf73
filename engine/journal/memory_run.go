package journal

import "github.com/twinbook/twinbook/engine"

// A memoryRun is a run in memory.
type memoryRun struct {
	line    Run
	chunks  [][]engine.Event // each of chunkLength but the last, so that no event is ever moved
	sources []memorySource
	devices map[string]bool
	sights  map[engine.Address]Sight
	keys    []string // of slots that it holds or waits for, in the order in which it took them
}

const chunkLength = 256

// last is the number of the latest event.
func (run *memoryRun) last() int64 {
	if len(run.chunks) == 0 {
		return 0
	}
	full := len(run.chunks) - 1
	return int64(full*chunkLength + len(run.chunks[full]))
}

// add numbers events and keeps them.
func (run *memoryRun) add(events []engine.Event) {
	for i := range events {
		e := &events[i]
		e.Seq = run.last() + 1
		if (e.Seq-1)%chunkLength == 0 {
			size := chunkLength
			if e.Seq == 1 {
				size = 8 // most runs are short
			}
			run.chunks = append(run.chunks, make([]engine.Event, 0, size))
		}
		last := &run.chunks[len(run.chunks)-1]
		*last = append(*last, *e)
		if e.Device != "" {
			run.devices[e.Device] = true
		}
		if e.Kind == engine.StepDone {
			delete(run.sights, e.At) // it waits no longer
		}
	}
	run.line.Device = ""
	for device := range run.devices {
		if len(run.devices) == 1 {
			run.line.Device = device
		}
	}
}

type memorySource struct{ file, text string }
