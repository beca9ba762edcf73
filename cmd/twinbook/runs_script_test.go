package main

import (
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// unsteady are what differs from day to day and from machine to machine in what `runs` prints, before unstable is
// applied; columns are as far apart as their texts are long.
var unsteady = []struct {
	re *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`\b(today|yesterday|tomorrow|\d{4}-\d\d-\d\d) \d\d:\d\d(:\d\d)?`), "WHEN"},
	{regexp.MustCompile(`\b\d+(m \d\d s|h \d\dm|m \d\ds)\b`), "TOOK"},
	{regexp.MustCompile(`\b\d+(\.\d)? m?s\b`), "TOOK"},
	{regexp.MustCompile(`(?m)^[0-9a-hjkmnp-tv-z]{5,8}  `), "SHORT  "},
	{regexp.MustCompile(`(runs (retry|resume)) [0-9a-hjkmnp-tv-z]{5,8}\b`), "$1 SHORT"},
	{regexp.MustCompile(`process \d+ on \S+`), "process PID on HOST"},
	{regexp.MustCompile(`by \S+@\S+ \(command line\)`), "by WHO (command line)"},
	{regexp.MustCompile(`(\S)  +`), "$1  "},
	{regexp.MustCompile(`\+TOOK( +TOOK)?`), "+TOOK"},
}

// cmdUntil looks again and again, since what a waiting step sees reaches the journal a moment later.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until RE ARG…")
	}
	wanted := regexp.MustCompile(args[0])
	for end := time.Now().Add(patience); ; {
		out, err := twinbook(ts, args[1:]...).Output()
		if err == nil && wanted.Match(out) {
			keep(ts, out, nil)
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("the output of twinbook %s does not meet %v: %v\n%s", strings.Join(args[1:], " "), wanted, err, out)
		}
	}
}

// cmdNormalRuns is `normal` for what `runs` prints for people.
func cmdNormalRuns(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		text := ts.ReadFile(file)
		for _, u := range unsteady {
			text = u.re.ReplaceAllString(text, u.as)
		}
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
	cmdNormal(ts, neg, args)
}
