package simulator

import (
	"container/list"
	"net"
	"sync"
)

// maxStrangers is how many connections at one door may be about to say who they are.
const maxStrangers = 4096

// A lobby holds the connections of a door that have begun a TLS handshake, or an HTTP request, and not finished it.
// When it is full the one that has been there longest has to go: clients that connect and then say
// nothing keep nobody out, and take no more room than the lobby has.
type lobby struct {
	mu      sync.Mutex // guards what follows
	waiting list.List  // of net.Conn, in the order they came
	places  map[net.Conn]*list.Element
}

func (l *lobby) enter(conn net.Conn) {
	if oldest := l.place(conn); oldest != nil {
		oldest.Close()
	}
}

// place gives the connection that has to go, if one has to.
func (l *lobby) place(conn net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places == nil {
		l.places = map[net.Conn]*list.Element{}
	}
	l.places[conn] = l.waiting.PushBack(conn)
	if l.waiting.Len() <= maxStrangers {
		return nil
	}
	oldest := l.waiting.Front().Value.(net.Conn)
	l.remove(oldest)
	return oldest
}

func (l *lobby) leave(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(conn)
}

func (l *lobby) remove(conn net.Conn) {
	if place, here := l.places[conn]; here {
		l.waiting.Remove(place)
		delete(l.places, conn)
	}
}
