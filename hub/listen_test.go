package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// scripted answers as its script says: "a b" is a page, an error is itself, and after the last the wait
// lasts.
type scripted struct {
	clock  clock.Clock
	script []any
	asked  []string
}

func (s *scripted) Send(context.Context, hub.Message) (string, error) { panic("nobody sends") }

func (s *scripted) Telemetry(ctx context.Context, q hub.TelemetryQuery) (hub.TelemetryPage, error) {
	s.asked = append(s.asked, fmt.Sprintf("%s after %q", s.clock.Now().Format("15:04:05"), q.After))
	if len(s.script) == 0 {
		_, err := clock.NewPromise[bool](s.clock).Await(ctx)
		return hub.TelemetryPage{}, err
	}
	next := s.script[0]
	s.script = s.script[1:]
	if err, failed := next.(error); failed {
		return hub.TelemetryPage{}, err
	}
	page := hub.TelemetryPage{Next: next.(string)}
	for word := range strings.FieldsSeq(next.(string)) {
		page.Messages = append(page.Messages, hub.Telemetry{Body: []byte(word)})
	}
	return page, nil
}

// listen plays a script in virtual time, until the message "end", and gives what was heard.
func listen(t *testing.T, timeout time.Duration, script ...any) (heard string, asked []string, err error) {
	t.Helper()
	loop := clock.NewLoop(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	s := &scripted{clock: loop, script: script}
	failed := loop.Run(t.Context(), func(ctx context.Context) {
		ctx, cancel := loop.WithTimeout(ctx, timeout)
		defer cancel()
		err = hub.Listen(ctx, loop, s, hub.TelemetryQuery{Target: hub.Target{Device: "dev-1"}}, func(p hub.TelemetryPage) (bool, error) {
			for _, m := range p.Messages {
				heard += string(m.Body)
				switch string(m.Body) {
				case "end":
					return true, nil
				case "bad":
					return false, errBad
				}
			}
			return false, nil
		})
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return heard, s.asked, err
}

var errBad = errors.New("what was seen is bad")

func trouble(kind hub.Kind, wait time.Duration) error {
	return &hub.Error{Op: "read telemetry", Device: "dev-1", Kind: kind, Wait: wait, Err: errors.New("away")}
}

func TestListenGoesOnFromPageToPage(t *testing.T) {
	heard, asked, err := listen(t, time.Minute, "a b", "c", trouble(hub.Unavailable, 0), trouble(hub.Unavailable, 0), trouble(hub.Throttled, 7*time.Second), "d end")
	if err != nil || heard != "abcdend" {
		t.Errorf("heard %s, %v", heard, err)
	}
	want := `[12:00:00 after "" 12:00:00 after "a b" 12:00:00 after "c" 12:00:01 after "c" 12:00:03 after "c" 12:00:10 after "c"]`
	if fmt.Sprint(asked) != want {
		t.Errorf("asked %v\nwant  %s", asked, want)
	}
}

func TestListenEnds(t *testing.T) {
	for _, test := range []struct {
		script []any
		kind   hub.Kind
		text   string
	}{
		{[]any{"a bad c"}, "", "what was seen is bad"},
		{[]any{"a", trouble(hub.NotFound, 0)}, hub.NotFound, "away"},
		{[]any{"a"}, hub.Timeout, "wait for telemetry on dev-1: time is up"},
		{[]any{trouble(hub.Unavailable, 0), trouble(hub.Unavailable, time.Hour)}, hub.Timeout, "time is up; the last 2 reads failed: away"},
	} {
		_, _, err := listen(t, time.Minute, test.script...)
		if hub.KindOf(err) != test.kind || err == nil || !strings.HasSuffix(err.Error(), test.text) {
			t.Errorf("%v: kind %q, %v, want %q …%s", test.script, hub.KindOf(err), err, test.kind, test.text)
		}
	}
}
