package expr

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// showParts writes parts as a reader sees them.
func showParts(parts []Part) string {
	var lines []string
	for _, p := range parts {
		line := fmt.Sprintf("%s = %s", p.Source, CompactJSON(p.Value))
		if p.Missing {
			line = p.Source + " missing"
		}
		if p.Type != "" {
			line += " (" + p.Type + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func TestExplainShowsThePartsThatMatter(t *testing.T) {
	for source, want := range map[string]string{
		`steps.reboot.payload.Response == "fine"`:                            `steps.reboot.payload.Response = "ok"`,
		`steps.reboot.payload.text == 3`:                                     `steps.reboot.payload.text = "3" (text)`,
		`steps.reboot.payload.text == steps.reboot.payload.n`:                `steps.reboot.payload.text = "3" (text); steps.reboot.payload.n = 3 (number)`,
		`inputs.n > 5 and inputs.n < 7`:                                      `inputs.n = 3`,
		`twin.reported.status.x == "a"`:                                      `twin.reported.status missing`,
		`steps.after.twin.reported.a == 1`:                                   `steps.after missing`,
		`steps.reboot.payload.null == 1`:                                     `steps.reboot.payload.null = null`,
		`len(inputs.list) == 4`:                                              `len(inputs.list) = 3`,
		`len(filter(inputs.list, # > 1)) == 4`:                               `len(filter(inputs.list, # > 1)) = 2`,
		`any(inputs.list, # > inputs.n)`:                                     `inputs.list = [1,2,3]; inputs.n = 3`,
		`count(inputs.list, # > 1) > 5`:                                      `count(inputs.list, # > 1) = 2`,
		`age(run.startedAt) < duration("1h")`:                                `age(run.startedAt) = "2h"`,
		`now() < run.startedAt`:                                              `now() = "2026-03-01T12:00:00.000Z"; run.startedAt = "2026-03-01T10:00:00.000Z"`,
		`lastUpdated(twin, "reported.rebootTime") == run.startedAt`:          `lastUpdated(twin, "reported.rebootTime") = "2026-03-01T11:00:01.500Z"; run.startedAt = "2026-03-01T10:00:00.000Z"`,
		`len(twin.reported.x) > 3`:                                           `twin.reported.x missing`,
		`inputs.list[index] == 5`:                                            `inputs.list[index] = 2`,
		`inputs.list[1] == 5`:                                                `inputs.list[1] = 2`,
		`let a = inputs.n; a > 5`:                                            `inputs.n = 3`,
		`steps.reboot.status == 200 ? inputs.n > 3 : inputs.delay > 3`:       `steps.reboot.status = 200; inputs.n = 3; inputs.delay = 5`,
		`twin.reported["x y"] ?? false`:                                      `twin.reported["x y"] missing`,
		`semver(steps.before.twin.reported["fw-version"]) == "1.9.0"`:        ``,
		`semver(steps.before.twin.reported["fw-version"]) > semver("1.9.0")`: `semver(steps.before.twin.reported["fw-version"]) = "1.9.0"`,
		`item.name contains "x" or not (index in [3])`:                       `item.name = "gw"; index = 1`,
		`1 == 2`: ``,
	} {
		e, _ := testScope().Compile(source, CompileOptions{})
		if e == nil {
			continue
		}
		if got := showParts(e.Explain(testEnv())); got != want {
			t.Errorf("%s\n got %s\nwant %s", source, got, want)
		}
	}
}

func TestWhySaysWhatCanNeverHoldOrIsMissing(t *testing.T) {
	for source, want := range map[string]string{
		`steps.reboot.payload.text == 3`:                  `steps.reboot.payload.text is the text "3" and 3 is the number 3: text and number are never equal`,
		`inputs.n > 1 and steps.reboot.payload.n != item`: `steps.reboot.payload.n is the number 3 and item is an object: number and object are never equal`,
		`twin.reported.status == "a"`:                     `twin.reported.status is missing`,
		`steps.reboot.payload.null == "a"`:                `steps.reboot.payload.null is null`,
		`inputs.n == 4`:                                   ``,
		`twin.reported.rebootTime == run.startedAt`:       `twin.reported.rebootTime is the text "2026-03-01T11:00:00Z" and run.startedAt is the time 2026-03-01T10:00:00.000Z: text and time are never equal`,
	} {
		if got := mustCompile(t, source).Why(testEnv()); got != want {
			t.Errorf("%s\n got %s\nwant %s", source, got, want)
		}
	}
}

func TestMissingNoteNamesThePartThatIsNil(t *testing.T) {
	for source, want := range map[string]string{
		`twin.reported.x`: " (twin.reported.x is missing)", `steps.after.twin.etag`: " (steps.after is missing)",
		`x ?? twin.reported.q.z`: " (x is null)", `inputs.n`: "", `first([])`: "", `find(inputs.list, # > 9)`: " (find(inputs.list, # > 9) is null)",
	} {
		if got := mustCompile(t, source).MissingNote(testEnv()); got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
}

func TestABoundExpressionKeepsWhatItSaw(t *testing.T) {
	env := testEnv()
	looked := lookup{"before": map[string]any{"twin": map[string]any{"reported": map[string]any{"n": 1.0}}}, "reboot": map[string]any{}}
	env.Names["steps"] = looked
	delete(env.Names, "twin")
	b := mustCompile(t, `twin.reported.n > steps.before.twin.reported.n and age(run.startedAt) > duration("1h")`).Bind(env)
	looked["before"] = nil
	env.Names["run"] = nil

	twin := func(n float64) map[string]any {
		return map[string]any{"twin": map[string]any{"reported": map[string]any{"n": n}}}
	}
	if holds, err := b.Holds(testNow, nil); holds || err != nil {
		t.Errorf("without a twin: %v, %v", holds, err)
	}
	if holds, err := b.Holds(testNow, twin(1)); holds || err != nil {
		t.Errorf("unchanged: %v, %v", holds, err)
	}
	if holds, err := b.Holds(testNow, twin(2)); !holds || err != nil {
		t.Errorf("changed: %v, %v", holds, err)
	}
	if holds, err := b.Holds(testNow.Add(-90*time.Minute), twin(2)); holds || err != nil {
		t.Errorf("early: %v, %v", holds, err)
	}
	want := `twin.reported.n = 1; steps.before.twin.reported.n = 1; age(run.startedAt) = "2h"`
	parts, _ := b.Unmet(testNow, twin(1))
	if got := showParts(parts); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if !b.UsesNow() || !strings.HasPrefix(b.Source(), "twin.reported.n") {
		t.Errorf("%v, %s", b.UsesNow(), b.Source())
	}
}

func TestABoundExpressionSaysWhy(t *testing.T) {
	env := testEnv()
	b := mustCompile(t, `twin.reported.n == inputs.n`).Bind(env)
	_, got := b.Unmet(testNow, map[string]any{"twin": map[string]any{"reported": map[string]any{"n": "3"}}})
	if want := `twin.reported.n is the text "3" and inputs.n is the number 3: text and number are never equal`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
