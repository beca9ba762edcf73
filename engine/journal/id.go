package journal

import (
	"crypto/rand"
	"time"
)

// idDigits are in the order of their bytes, without those that look like others.
const idDigits = "0123456789abcdefghjkmnpqrstvwxyz"

// An id has nine digits of time, in milliseconds, and five of chance.
const (
	idTimeDigits   = 9
	idChanceDigits = 5
)

// NewID makes the id of a run that begins at now: 14 letters and digits that sort by time. Two runs
// of one millisecond have the same id once in 33 million times; then Begin says ErrExists.
func NewID(now time.Time) string {
	var id [idTimeDigits + idChanceDigits]byte
	ms := uint64(now.UnixMilli())
	for i := idTimeDigits - 1; i >= 0; i-- {
		id[i] = idDigits[ms%32]
		ms /= 32
	}
	chance := id[idTimeDigits:]
	rand.Read(chance) // never fails: the program ends if the system has no chance to give
	for i, b := range chance {
		chance[i] = idDigits[b%32]
	}
	return string(id[:])
}
