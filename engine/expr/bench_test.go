package expr

import (
	"fmt"
	"testing"
)

const rebootCondition = `twin.reported.rebootTime != steps.before.twin.reported.rebootTime`

// wideScope is a file with a thousand steps.
func wideScope() *Scope {
	steps := make(map[string]Type)
	for i := range 1000 {
		steps[fmt.Sprintf("step%d", i)] = StepResultType(map[string]Type{"twin": TwinType()})
	}
	steps["before"] = steps["step0"]
	return NewScope(map[string]Type{"steps": ObjectType(steps), "run": RunType()}).With(map[string]Type{"twin": TwinType()})
}

func BenchmarkCompileAmongAThousandSteps(b *testing.B) {
	s := wideScope()
	b.ReportAllocs()
	for b.Loop() {
		if e, problems := s.Compile(rebootCondition, CompileOptions{Bool: true}); e == nil {
			b.Fatal(problems)
		}
	}
}

func BenchmarkCompileLongCondition(b *testing.B) {
	s := testScope()
	const source = `steps.reboot.status == 200 and any(inputs.list, # > inputs.n) and age(run.startedAt) < duration("7d") and semver(twin.reported.fw) >= semver("1.4.2")`
	b.ReportAllocs()
	for b.Loop() {
		if e, problems := s.Compile(source, CompileOptions{Bool: true}); e == nil {
			b.Fatal(problems)
		}
	}
}

func BenchmarkScopeOfAThousandSteps(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		wideScope()
	}
}

func BenchmarkScopeWith(b *testing.B) {
	s := wideScope()
	twin := map[string]Type{"item": {Kind: Any}}
	b.ReportAllocs()
	for b.Loop() {
		s.With(twin)
	}
}

func BenchmarkEval(b *testing.B) {
	e, env := mustCompile(b, rebootCondition), testEnv()
	b.ReportAllocs()
	for b.Loop() {
		if holds, err := e.Test(env); !holds || err != nil {
			b.Fatal(holds, err)
		}
	}
}

func BenchmarkEvalMissing(b *testing.B) {
	e, env := mustCompile(b, `twin.reported.count > 3`), testEnv()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Test(env); err == nil {
			b.Fatal("nothing is missing")
		}
	}
}

func BenchmarkBind(b *testing.B) {
	e, env := mustCompile(b, rebootCondition), testEnv()
	b.ReportAllocs()
	for b.Loop() {
		e.Bind(env)
	}
}

func BenchmarkBoundHolds(b *testing.B) {
	env := testEnv()
	bound := mustCompile(b, rebootCondition).Bind(env)
	extra := map[string]any{"twin": env.Names["twin"]}
	b.ReportAllocs()
	for b.Loop() {
		if holds, err := bound.Holds(testNow, extra); !holds || err != nil {
			b.Fatal(holds, err)
		}
	}
}

func BenchmarkBoundUnmet(b *testing.B) {
	env := testEnv()
	bound := mustCompile(b, rebootCondition).Bind(env)
	extra := map[string]any{"twin": env.Names["twin"]}
	b.ReportAllocs()
	for b.Loop() {
		bound.Unmet(testNow, extra)
	}
}

func BenchmarkExplain(b *testing.B) {
	e, env := mustCompile(b, rebootCondition), testEnv()
	b.ReportAllocs()
	for b.Loop() {
		e.Explain(env)
	}
}
