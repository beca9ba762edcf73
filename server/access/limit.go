package access

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// An address may fail so often at once, and then once in so long.
const (
	failuresAtOnce = 20
	failuresEach   = 3 * time.Second
)

// failures count refused requests by where they come from, so that somebody who fails without end fills neither logs nor the audit trail.
// Nobody is locked out by them: who has a valid token is let in before anything is counted, and 256 random bits need no lock.
// Memory is fixed. Addresses share a place by chance, which costs one of them a 429 where it would have got a 401.
type failures struct {
	seed   maphash.Seed // so that nobody can choose with whom to share
	places *[4096]atomic.Int64
}

func newFailures() failures {
	return failures{seed: maphash.MakeSeed(), places: new([4096]atomic.Int64)}
}

// count notes a failure of an address. wait is 0, or how long until its next one counts as an ordinary one.
// A place holds the time until which its failures are paid for (the generic cell rate algorithm).
func (f failures) count(address string, now time.Time) (wait time.Duration) {
	place := &f.places[maphash.Comparable(f.seed, neighbourhood(address))%uint64(len(f.places))]
	for {
		paid := place.Load()
		next := max(paid, now.UnixNano()) + int64(failuresEach)
		if over := time.Duration(next-now.UnixNano()) - failuresAtOnce*failuresEach; over > 0 {
			return over
		}
		if place.CompareAndSwap(paid, next) {
			return 0
		}
	}
}

// neighbourhood is the network that one sender has: an IPv4 address, or the 64 bits before an IPv6 interface.
func neighbourhood(address string) netip.Prefix {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := ap.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	network, _ := ip.Prefix(bits) // neither is longer than its address
	return network
}
