package steps_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
)

// answers is what a watched command answers, and when.
type answers struct {
	values chan map[string]any
	errs   chan error
}

func newAnswers() answers { return answers{make(chan map[string]any, 10), make(chan error, 10)} }

func (a answers) add(value any, err error) {
	outputs, _ := value.(map[string]any)
	a.values <- outputs
	a.errs <- err
}

// next waits for an answer.
func (a answers) next(t *testing.T) (map[string]any, error) {
	t.Helper()
	select {
	case value := <-a.values:
		return value, <-a.errs
	case <-time.After(10 * time.Second):
		t.Fatal("no answer")
		return nil, nil
	}
}

func TestAWatchedTwinAnswersWhenItChanges(t *testing.T) {
	b := newBench(t, map[string]string{"token": "s3cr3t-token"})
	c := b.command(`  - { waitForTwin: { until: twin.desired.interval == 5 }, timeout: 1h }`, nil)
	got, told := newAnswers(), make(chan string, 10)
	stop := b.world.Watch(desk, c, func(what string) { told <- what }, got.add)
	if what := <-told; what != "twin.desired.interval is missing" {
		t.Errorf("told %q", what)
	}
	for _, value := range []string{`"${{ secrets.token }}"`, "5"} {
		if _, err := b.do(`  - updateTwin: { desired: { interval: `+value+`, token: "${{ secrets.token }}" } }`, nil); err != nil {
			t.Fatal(err)
		}
	}
	value, err := got.next(t)
	if err != nil || !strings.Contains(expr.CompactJSON(value["twin"]), `{"interval":5,"token":"***"}`) || value["waited"] == nil {
		t.Errorf("answered %v, %v", value, err)
	}
	if what := <-told; strings.Contains(what, "s3cr3t") {
		t.Errorf("told %q", what)
	}
	stop(context.Canceled)
	if len(got.errs) > 0 {
		t.Error("answered again")
	}
}

func TestAWatchedTwinThatIsStopped(t *testing.T) {
	b := newBench(t, nil)
	c := b.command(`  - { waitForTwin: { until: twin.desired.interval == 5 }, timeout: 1h }`, nil)
	for cause, want := range map[error]string{
		context.Canceled:         "twin.desired.interval is missing",
		context.DeadlineExceeded: "wait for the twin on dev-1: time is up; twin.desired.interval is missing",
	} {
		got, told := newAnswers(), make(chan string, 10)
		stop := b.world.Watch(desk, c, func(what string) { told <- what }, got.add)
		<-told
		stop(cause)
		if len(got.errs) != 1 {
			t.Fatal("stop returned before the answer was there")
		}
		value, err := got.next(t)
		if value != nil || err == nil || err.Error() != want || !errors.Is(err, cause) {
			t.Errorf("%v: answered %v, %v, want %s", cause, value, err, want)
		}
	}
}

func TestWhatCannotBeWatchedAnswersAtOnce(t *testing.T) {
	b := newBench(t, nil)
	c := b.command(`  - { waitForTwin: { until: twin.desired.interval == 5 }, timeout: 1h }`, nil)
	for name, test := range map[string]struct {
		run  engine.RunStart
		c    engine.Command
		want string
	}{
		"no such hub": {engine.RunStart{ID: "r2", Hub: "elsewhere"}, c, `there is no hub "elsewhere"`},
		"not a wait":  {desk, b.command(`  - getTwin: {}`, nil), "nobody can carry out getTwin"},
	} {
		got := newAnswers()
		stop := b.world.Watch(test.run, test.c, func(string) {}, got.add)
		if _, err := got.next(t); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		stop(context.Canceled)
	}
	device := c
	device.Device = "nobody"
	got := newAnswers()
	b.world.Watch(desk, device, func(string) {}, got.add)
	if _, err := got.next(t); hub.KindOf(err) != hub.NotFound {
		t.Errorf("a device that is not there: %v", err)
	}
}

// A bug of ours must end its run only, though the condition is asked by whoever changes the twin.
func TestAPanicEndsTheWaitAlone(t *testing.T) {
	b := newBench(t, nil)
	c := b.command(`  - { waitForTwin: { until: twin.desired.interval == 5 }, timeout: 1h }`, nil)
	got, asked := newAnswers(), atomic.Bool{}
	b.world.Watch(desk, c, func(string) { asked.Store(true); panic("lost") }, got.add)
	if _, err := got.next(t); !asked.Load() || err == nil || !strings.Contains(err.Error(), "panicked: lost; this is a bug in twinbook") {
		t.Errorf("answered %v", err)
	}
}
