package device

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// newChance is a device's own source of chance: the same for the same seed and id, whatever the
// other devices do.
func newChance(seed, id string) *rand.Rand {
	sum := sha256.Sum256([]byte(seed + "\x00" + id))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])))
}
