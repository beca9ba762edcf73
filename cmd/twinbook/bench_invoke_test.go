package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/hub/azure"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/wire"
	"github.com/twinbook/twinbook/steps"
)

// echo is a device in this process that answers every method at once.
type echo struct{}

func (echo) Receive(c wire.Conn, m wire.Message) {
	if call, ok := m.(wire.MethodRequest); ok {
		c.Send(wire.MethodResponse{RID: call.RID, Status: 200, Body: []byte(`{"ok":true}`)})
	}
}
func (echo) Closed(wire.Conn, error) {}

// startEcho serves a simulator with 64 echo devices over REST and gives its connection string.
func startEcho(b *testing.B) (service wire.ConnectionString, address string) {
	h, err := simulator.New(simulator.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 64 {
		id := fmt.Sprintf("dev-%d", i)
		if err := h.AddDevice(simulator.Device{ID: id}); err != nil {
			b.Fatal(err)
		}
		conn, err := h.AttachDevice(b.Context(), wire.Options{Identity: wire.Identity{Device: id}}, echo{})
		if err != nil {
			b.Fatal(err)
		}
		if err := conn.Send(wire.Subscribe{Feeds: wire.MethodFeed}); err != nil {
			b.Fatal(err)
		}
	}
	server := httptest.NewServer(h.Handler())
	b.Cleanup(server.Close)
	service, err = h.ConnectionString("service")
	if err != nil {
		b.Fatal(err)
	}
	address = strings.TrimPrefix(server.URL, "http://")
	return service.At(address), address
}

// BenchmarkInvokeMethod is a method call through runner, REST and simulator to a device in this
// process; bare is the same HTTP request made by a loop.
func BenchmarkInvokeMethod(b *testing.B) {
	collectAt(400) // as the command does
	for _, inFlight := range []int{1, 64} {
		b.Run(fmt.Sprintf("bare/inflight=%d", inFlight), func(b *testing.B) { benchBare(b, inFlight) })
		b.Run(fmt.Sprintf("runner/inflight=%d", inFlight), func(b *testing.B) { benchRunner(b, inFlight) })
	}
}

func benchBare(b *testing.B, inFlight int) {
	service, address := startEcho(b)
	token := wire.NewToken(address, service.Policy, service.Key, time.Now().Add(time.Hour))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: inFlight}}
	body := []byte(`{"methodName":"ping","payload":null,"responseTimeoutInSeconds":30,"connectTimeoutInSeconds":0}`)
	one := func(i int) error {
		url := fmt.Sprintf("http://%s/twins/dev-%d/methods?api-version=2021-04-12", address, i)
		r, err := http.NewRequest("POST", url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", token)
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		var reply struct{ Status int }
		if err := json.NewDecoder(answer.Body).Decode(&reply); err != nil || reply.Status != 200 {
			return fmt.Errorf("answered %d: %v", reply.Status, err)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	var times latencies
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range inFlight {
		all.Go(func() {
			for range share(b.N, inFlight, i) {
				began := time.Now()
				if err := one(i); err != nil {
					b.Error(err)
					return
				}
				times.add(time.Since(began))
			}
		})
	}
	all.Wait()
	times.report(b)
}

// benchRunner is one run that calls each device again and again.
func benchRunner(b *testing.B, inFlight int) {
	service, _ := startEcho(b)
	c := clock.Real()
	h, err := azure.Open(service.String(), azure.Options{Clock: c})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	program, problems := engine.Compile("bench.yaml", []byte(`
version: 1
workflow: bench
timeout: 10h
inputs: { lanes: { type: array } }
steps:
  - forEach:
      in: inputs.lanes
      as: lane
      concurrency: 64
      steps:
        - if: lane.calls > 0
          device: "dev-${{ lane.device }}"
          steps:
            - repeat:
                until: index == lane.last
                steps:
                  - invokeMethod: { method: ping }
`), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	lanes := make([]any, inFlight)
	for i := range lanes {
		lanes[i] = map[string]any{"device": float64(i), "calls": float64(share(b.N, inFlight, i)), "last": float64(share(b.N, inFlight, i) - 1)}
	}
	world := steps.NewWorld(steps.World{Clock: c, Hubs: map[string]steps.Fleet{"bench": steps.NewFleet(c, h)}})
	var times latencies
	r := runner.New(runner.Config{Clock: c, Journal: journal.NewMemory(), Observe: func(u runner.Update) {
		if n := u.Note; n != nil && n.Kind == engine.NoteStepEnded && n.Step.Do != nil {
			times.add(n.Time.Sub(n.Started))
		}
	}, Do: world.Do})
	b.ResetTimer()
	run, err := r.Start(b.Context(), program, engine.RunStart{ID: "r", Hub: "bench", Inputs: map[string]any{"lanes": lanes}})
	if err != nil {
		b.Fatal(err)
	}
	outcome, err := run.Wait(b.Context())
	if err != nil || outcome.Status != engine.Succeeded {
		b.Fatalf("%+v, %v", outcome.Error, err)
	}
	times.report(b)
}

// share is how many of n calls the i-th of several loops makes.
func share(n, loops, i int) int {
	each := n / loops
	if i < n%loops {
		each++
	}
	return each
}

// latencies are the times of single calls.
type latencies struct {
	mu  sync.Mutex // guards all
	all []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	l.all = append(l.all, d)
	l.mu.Unlock()
}

func (l *latencies) report(b *testing.B) {
	b.StopTimer()
	slices.Sort(l.all)
	if len(l.all) > 0 {
		b.ReportMetric(float64(l.all[len(l.all)/2].Microseconds()), "p50-µs")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
