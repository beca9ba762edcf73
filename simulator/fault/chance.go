package fault

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// A tally is what one fault has done to one device, and its chance there.
type tally struct {
	asked, struck int
	source        rand.PCG
	decided, hit  bool // of a lasting fault: chance has been asked once and for all
}

func (e *entry) tally(seed, device string) *tally {
	t := e.tallies[device]
	if t == nil {
		sum := sha256.Sum256([]byte("fault\x00" + seed + "\x00" + e.fault.ID + "\x00" + device))
		t = &tally{source: *rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]))}
		e.tallies[device] = t
	}
	return t
}

// random is chance from 0 to 1, without 1.
func (t *tally) random() float64 { return float64(t.source.Uint64()>>11) / (1 << 53) }

// strikes decides whether a fault that is about an occasion of a device happens, and counts both.
func (e *entry) strikes(seed, device string) bool {
	chance := e.fault.chance()
	if chance == 1 && e.fault.After == 0 && e.fault.Count == 0 {
		e.struck++
		return true
	}
	t := e.tally(seed, device)
	if !t.strikes(e, chance) {
		return false
	}
	t.struck++
	e.struck++
	return true
}

func (t *tally) strikes(e *entry, chance float64) bool {
	if e.kind.lasting {
		if !t.decided {
			t.decided, t.hit = true, t.random() < chance
		}
		return t.hit
	}
	t.asked++
	if t.asked <= e.fault.After || e.fault.Count > 0 && t.struck == e.fault.Count {
		return false
	}
	return t.random() < chance
}

// jittered is d, longer or shorter by up to the fault's jitter.
func (e *entry) jittered(d time.Duration, seed, device string) time.Duration {
	if e.fault.Jitter == 0 {
		return d
	}
	return d + time.Duration((e.tally(seed, device).random()*2-1)*float64(e.fault.Jitter))
}
