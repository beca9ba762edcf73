package azure

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// What a call's error says about having been sent is held against what the server got, for calls
// that are cut off at any moment: no call arrives that was said not to have been sent, and none twice.
func TestACallNotSentNeverArrives(t *testing.T) {
	var mu sync.Mutex
	arrived := map[string]int{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, rest, _ := strings.Cut(r.URL.Path, "/twins/")
		id := strings.TrimSuffix(rest, "/methods")
		mu.Lock()
		arrived[id]++
		mu.Unlock()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		switch rand.IntN(4) {
		case 0:
			panic(http.ErrAbortHandler) // hangs up
		case 1:
			time.Sleep(time.Millisecond) // lets some of them be cut off while they wait
		}
		io.WriteString(w, `{"status":200,"payload":null}`)
	})
	unsent := map[string]bool{}
	var calls sync.WaitGroup
	for worker := range 16 {
		calls.Go(func() {
			for n := range 100 {
				id := string(rune('a'+worker)) + strings.Repeat("x", n)
				ctx, cancel := clock.Real().WithTimeout(t.Context(), time.Duration(rand.IntN(1000))*time.Microsecond)
				_, err := c.Invoke(ctx, hub.Call{Target: hub.Target{Device: id}, Method: "reboot"})
				cancel()
				if e, ok := err.(*hub.Error); ok && !e.Sent {
					mu.Lock()
					unsent[id] = true
					mu.Unlock()
				}
			}
		})
	}
	calls.Wait()
	mu.Lock()
	defer mu.Unlock()
	for id, n := range arrived {
		if n > 1 || unsent[id] {
			t.Errorf("call %.3s… (%d) arrived %d times; said to be unsent: %v", id, len(id), n, unsent[id])
		}
	}
	if len(unsent) == 0 || len(arrived) == 0 {
		t.Errorf("%d calls arrived and %d were unsent: nothing was tested", len(arrived), len(unsent))
	}
}

// What was said to be unsent stays so, even if the transport still holds the request.
func TestNothingLeavesOnceSettled(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go io.Copy(io.Discard, far)
	g := &gate{Conn: near}
	var early, late sending
	early.on(g)
	if _, err := g.Write([]byte("x")); err != nil || !early.settle() {
		t.Errorf("before: %v", err)
	}
	late.on(g)
	if late.settle() {
		t.Error("sent before anything was written")
	}
	if n, err := g.Write([]byte("x")); err == nil {
		t.Errorf("%d bytes left afterwards", n)
	}
}
