package expr

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// boundIsAsFree checks that an expression says the same of the same names, whichever of them it was bound to,
// whichever come later or never, and that those that come later hide others.
func boundIsAsFree(t *testing.T, e *Expr, env Env) {
	t.Helper()
	for _, late := range [][]string{nil, {"twin"}, {"item", "x"}, {"inputs", "steps"}, slices.Sorted(maps.Keys(env.Names))} {
		early, hidden, extra := env, env, map[string]any{}
		early.Names, hidden.Names = maps.Clone(env.Names), maps.Clone(env.Names)
		for _, name := range late {
			if value, ok := env.Names[name]; ok {
				extra[name], hidden.Names[name] = value, map[string]any{"other": true}
				delete(early.Names, name)
			}
		}
		for how, test := range map[string]struct {
			bound *Bound
			extra map[string]any
			free  Env
		}{
			"later":             {e.Bind(early), extra, env},
			"hidden by what is": {e.Bind(hidden), extra, env},
			"never there":       {e.Bind(early), nil, early},
		} {
			if got, want := saysBound(test.bound, env, test.extra), saysFree(e, test.free); got != want {
				t.Errorf("%s with %v %s:\n%s\nfree:\n%s", e.Source(), late, how, got, want)
			}
		}
	}
}

func saysFree(e *Expr, env Env) string {
	yes, err := e.Test(env)
	if err != nil && err.(*Error).Missing {
		err = nil
	}
	return fmt.Sprintf("%v, %v\n%s\n%s", yes, err, CompactJSON(e.Explain(env)), e.Why(env))
}

func saysBound(b *Bound, env Env, extra map[string]any) string {
	yes, err := b.Holds(env.Now, extra)
	parts, why := b.Unmet(env.Now, extra)
	return fmt.Sprintf("%v, %v\n%s\n%s", yes, err, CompactJSON(parts), why)
}

func TestABoundExpressionSaysWhatItSaysFree(t *testing.T) {
	env := testEnv()
	env.Names["steps"].(lookup)["null"] = nil
	for _, source := range []string{
		rebootCondition, `x`, `x.y`, `x == nil`, `vars.count`, `vars.count.deep`, `vars.count == nil and vars.names[1] == "b"`, `"a" in vars.names`,
		`steps.before.twin.reported.rebootTime`, `steps.before.twin == twin`, `steps.before.twin.reported["fw-version"] < twin.reported.a.b[1]`,
		`steps.reboot.payload.null == steps.reboot.payload.none`, `steps.reboot.payload["null"].more`, `steps.reboot.payload[item.name]`,
		`steps.after.twin.reported.x == 1`, `twin.reported[steps.reboot.payload.Response]`, `twin.reported.a.b[-1] == "two" and twin.reported.a.b[7] == nil`,
		`twin.reported.a.b[index] == "two"`, `let a = twin.reported.none; a > 3`, `let b = steps.before.twin; b.reported.rebootTime == twin.reported.rebootTime`,
		`let a = inputs.list; any(a, # > inputs.n)`, `inputs.n > twin.reported.none`, `steps.reboot.payload.n == steps.reboot.payload.text`,
		`any(inputs.list, # == inputs.n)`, `count(inputs.list, # > index) == 2`, `map(inputs.list, # + item.n)[0] > 3`, `len(twin.reported.a.b) > 1 ? inputs.deep : x.y`,
		`lastUpdated(twin, "reported.rebootTime") > steps.before.startedAt`, `age(run.startedAt) > duration("1h")`, `lastUpdated(steps.before.twin, "reported.a") == nil`,
		`item.name matches "g." and item.none ?? true`, `{"a": inputs.n, "b": [twin.deviceId]}.a == 3`, `diff(steps.before.twin.reported, twin.reported)`,
		`semver(steps.before.twin.reported["fw-version"]) >= semver("1.4.2")`, `steps.reboot.error.kind == "timeout"`, `steps.reboot.payload.text.more.x == 1`, `not inputs.deep`,
		`twin?.reported?.x?.y == x?.y`, `run.id + inputs.device == "r1dev-1"`, `now() - run.startedAt > duration("1h")`, `inputs.list[1:] == [2, 3]`,
	} {
		boundIsAsFree(t, mustCompile(t, source), env)
	}
}

// Expressions that nobody would write, from a seed.
func TestRandomBoundExpressionsSayWhatTheySayFree(t *testing.T) {
	random, compiled := rand.New(rand.NewPCG(1, 2)), 0
	for range 80 {
		source := randomExpression(random, 2)
		if e, _ := testScope().Compile(source, CompileOptions{}); e != nil {
			compiled++
			boundIsAsFree(t, e, testEnv())
		}
	}
	if compiled < 25 {
		t.Errorf("only %d expressions compile", compiled)
	}
}

func randomExpression(random *rand.Rand, depth int) string {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	if depth == 0 {
		path := pick("item", "x", "twin.reported", "twin.reported.a", "steps.before.twin.reported", "steps.reboot.payload", "steps.after.twin.desired", "vars.count", "run.trigger")
		for random.IntN(3) > 0 {
			path += pick(".rebootTime", ".b", ".none", `["fw-version"]`, ".null", ".text", "?.Response", "[item.name]", ".b[0]", ".b[-1]", ".b[index]")
		}
		return path
	}
	a, b := randomExpression(random, depth-1), randomExpression(random, depth-1)
	switch random.IntN(8) {
	case 0, 1, 2:
		return "(" + a + " " + pick("==", "!=", "<", ">=", "and", "or", "??", "+", "in", "contains") + " " + b + ")"
	case 3:
		return "(not (" + a + "))"
	case 4:
		return pick("any", "all", "count", "map", "filter", "find") + "(" + a + ", # == " + b + ")"
	case 5:
		return "(let v" + fmt.Sprint(depth) + " = " + a + "; v" + fmt.Sprint(depth) + pick(".a", "", "[0]") + " == " + b + ")"
	case 6:
		return pick("len", "toJSON", "string", "lower", "semver") + "(" + a + ")"
	}
	return "(" + a + " ? " + b + " : " + a + ")"
}

// What stands around a value that a condition reads is not kept with it.
func TestABoundExpressionKeepsOnlyWhatItReads(t *testing.T) {
	e := mustCompile(t, rebootCondition)
	const n = 1000
	kept := make([]*Bound, n)
	before := heapInUse()
	for i := range kept {
		kept[i] = e.Bind(Env{Names: map[string]any{"steps": lookup{"before": map[string]any{"twin": map[string]any{
			"reported": map[string]any{"rebootTime": fmt.Sprint("10:31:02.", i), "log": strings.Repeat("x", 10_000)},
		}}}}})
	}
	if each := (heapInUse() - before) / n; each > 200 {
		t.Errorf("%d bytes each", each)
	}
	runtime.KeepAlive(kept)
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
