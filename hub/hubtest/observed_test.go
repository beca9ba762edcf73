package hubtest_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/hub/hubtest"
	"github.com/twinbook/twinbook/internal/clock"
)

// TestAHubThatIsObservedPassesTheExam holds what is told against what the exam asks for.
func TestAHubThatIsObservedPassesTheExam(t *testing.T) {
	var mu sync.Mutex
	told := map[string]int{} // guarded by mu
	hubtest.Exercise(t, func(t *testing.T) hubtest.Fixture {
		loop := clock.NewLoop(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		s := newSimulator(t, loop)
		observed := hub.Observed(loop, s.Client(), func(operation string, took time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			told[operation]++
			if err != nil {
				told[operation+" "+string(hub.KindOf(err))]++
			}
			if took > 0 {
				told[operation+" took time"]++
			}
		})
		return fixture(s, observed, loop, func(t *testing.T, f func(ctx context.Context)) {
			if err := loop.Run(t.Context(), f); err != nil {
				t.Error(err)
			}
		})
	})
	for _, want := range []string{"invoke", "invoke offline", "invoke notFound", "invoke took time", "twin", "twin notFound", "updateTwin", "updateTwin conflict", "query", "query invalid", "send", "telemetry"} {
		if told[want] == 0 {
			t.Errorf("nobody was told of %s, only of %v", want, slices.Sorted(maps.Keys(told)))
		}
	}
}

// The parts that a hub may have.
type (
	plain    struct{ hub.Hub }
	pusher   struct{}
	fleet    struct{}
	messages struct{ hub.Messages }
)

func (pusher) OnTwin(hub.Target, func(hub.Twin, error)) func() { return func() {} }
func (fleet) OnTwins(func(hub.Twin, error)) func()             { return func() {} }

// TestAHubThatIsObservedHasWhatItHad has hubs with and without each of the parts.
func TestAHubThatIsObservedHasWhatItHad(t *testing.T) {
	for _, h := range []hub.Hub{
		plain{},
		struct {
			plain
			pusher
		}{},
		struct {
			plain
			fleet
		}{},
		struct {
			plain
			messages
		}{},
		struct {
			plain
			pusher
			fleet
		}{},
		struct {
			plain
			pusher
			messages
		}{},
		struct {
			plain
			fleet
			messages
		}{},
		struct {
			plain
			pusher
			fleet
			messages
		}{},
	} {
		if had, has := partsOf(h), partsOf(hub.Observed(clock.Real(), h, nil)); had != has {
			t.Errorf("a hub that pushes, tells of all, has messages: %v, and %v when it is observed", had, has)
		}
	}
}

func partsOf(h hub.Hub) [3]bool {
	_, pushes := h.(hub.Pusher)
	_, tellsAll := h.(hub.FleetPusher)
	_, talks := h.(hub.Messages)
	return [3]bool{pushes, tellsAll, talks}
}
