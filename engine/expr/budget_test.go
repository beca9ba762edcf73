package expr

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// hostileEnv is what a device could send to stop us.
func hostileEnv() Env {
	env := testEnv()
	numbers := make([]any, 200_000)
	for i := range numbers {
		numbers[i] = float64(i)
	}
	var deep, deep2 any = "end", "end"
	for range 10_000 {
		deep, deep2 = map[string]any{"a": deep}, map[string]any{"a": deep2}
	}
	var list, list2 any = "end", "end"
	for range 10_000 {
		list, list2 = []any{list}, []any{list2}
	}
	wide := make([]any, 300)
	for i := range wide {
		wide[i] = map[string]any{"name": strings.Repeat("x", 1000), "n": float64(i)}
	}
	env.Names["item"] = map[string]any{
		"numbers": numbers, "deep": deep, "deep2": deep2, "list": list, "list2": list2, "wide": wide,
		"text": strings.Repeat("ab", 500_000), "a": strings.Repeat("a", 30_000) + "b", "json": strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
	}
	return env
}

func TestHostileDataFailsInBoundedTime(t *testing.T) {
	env := hostileEnv()
	for source, want := range map[string]string{
		`any(item.numbers, any(item.numbers, # < 0))`:     "too much work",
		`sum(item.numbers, sum(item.numbers, #)) > 0`:     "too much work",
		`all(item.numbers, item.numbers == item.numbers)`: "too much work",
		`any(item.numbers, # in item.numbers and false)`:  "too much work",
		`len(map(item.numbers, map(item.numbers, #)))`:    "too much work",
		`let a = map(1..1000, item.wide); toJSON(a)`:      "too much work",
		`let a = map(1..1000, item.wide); [a, a]`:         "too much work",
		`let a = item.wide; let b = [a, a, a, a, a, a, a, a]; let c = [b, b, b, b, b, b, b, b]; let d = [c, c, c, c, c, c, c, c]; [d, d, d, d, d, d]`: "too much work",
		`let a = item.text; a + a + a`:                                  "more than 1 MiB",
		`replace(item.text, "a", item.a)`:                               "more than 1 MiB",
		`join(map(item.numbers, item.a))`:                               "more than 1 MiB",
		`len(map(1..1000, item.text + "x"))`:                            "more than 1 MiB",
		`split(item.text, "")`:                                          "too much work",
		`item.text matches item.text`:                                   "a pattern may have",
		`item.text matches "(ab)*(ab)*(ab)*(ab)*(ab)*(a{1,50}){1,20}x"`: "too much work",
		`any(1..1000, item.a matches "(a*)*(a*)*b$" and false)`:         "too much work",
		`any(1..100000, item.text contains "x")`:                        "too much work",
		`glob(item.text, "*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*a*b*x")`: "too much work",
		`item.deep == item.deep2`:     "nested more than",
		`item.list == item.list2`:     "nested more than",
		`diff(item.deep, item.deep2)`: "nested more than",
		`diff(item.list, item.list2)`: "nested more than",
		`toJSON(item.deep)`:           "nested more than",
		`toJSON(item.list)`:           "nested more than",
		`[item.deep]`:                 "nested more than",
		`fromJSON(item.json)`:         "nested more than",
		`item.deep == item.deep`:      "nested more than",
	} {
		start := time.Now()
		_, err := evaluate(source, env)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", source, err, want)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", source, took)
		}
	}
}

func TestOrdinaryLargeDataIsFine(t *testing.T) {
	env := hostileEnv()
	for source, want := range map[string]any{
		`count(item.numbers, # % 2 == 0)`: 100_000.0, `sum(item.numbers) > 0`: true, `199999 in item.numbers`: true, `len(item.text)`: 1_000_000.0,
		`any(item.wide, any(item.wide, .n == -1))`: false, `item.text endsWith "ab"`: true, `item.wide == map(item.wide, #)`: true,
		`len(toJSON(item.wide)) > 300000`: true, `item.a matches "^a+b$"`: true, `max(item.numbers)`: 199_999.0,
	} {
		if got, err := evaluate(source, env); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", source, got, err, want)
		}
	}
}

func TestAnExpressionIsUsedByManyAtOnce(t *testing.T) {
	e := mustCompile(t, `map(filter(inputs.list, # > 1), # + index) == [3, 4] and len(twin.reported.x) > 3`)
	env := testEnv()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				if _, err := e.Eval(env); err == nil || err.Error() != "twin.reported.x is missing" {
					t.Errorf("got %v", err)
				}
				if parts := e.Explain(env); len(parts) != 2 {
					t.Errorf("parts: %v", parts)
				}
			}
		})
	}
	all.Wait()
}
