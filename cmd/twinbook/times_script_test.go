package main

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdZone gives a script's commands a time zone so many hours east of UTC, in a file as systems keep them.
func cmdZone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: zone HOURS")
	}
	hours, err := strconv.Atoi(args[0])
	ts.Check(err)
	file := append([]byte("TZif"), make([]byte, 16)...)
	for _, count := range []uint32{0, 0, 0, 0, 1, 4} { // one kind of time, and its name
		file = binary.BigEndian.AppendUint32(file, count)
	}
	file = binary.BigEndian.AppendUint32(file, uint32(hours*3600))
	file = append(file, "\x00\x00XST\x00"...)
	ts.Check(os.WriteFile(ts.MkAbs(".zone"), file, 0o600))
	ts.Setenv("TZ", ts.MkAbs(".zone"))
}

// cmdInZone checks that what the first group of an expression finds in a file is the time of the last minutes where
// a script is.
func cmdInZone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: in-zone FILE RE")
	}
	data, err := os.ReadFile(ts.Getenv("TZ"))
	ts.Check(err)
	zone, err := time.LoadLocationFromTZData("XST", data)
	ts.Check(err)
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile(args[0]))
	if found == nil {
		ts.Fatalf("%s is not in %s", args[1], args[0])
	}
	now := time.Now().In(zone)
	for ago := range 5 {
		if found[1] == now.Add(-time.Duration(ago)*time.Minute).Format("15:04") {
			return
		}
	}
	ts.Fatalf("%s has %s, and now it is %s", args[0], found[1], now.Format("15:04"))
}

// cmdSameTimes checks that two documents about a run agree when it began and ended.
func cmdSameTimes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same-times RUN-FILE SHOW-FILE")
	}
	type times struct{ StartedAt, FinishedAt time.Time }
	var run times
	var shown struct{ Run times }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &run))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &shown))
	if run != shown.Run || run.FinishedAt.IsZero() {
		ts.Fatalf("%s has %v, %s has %v", args[0], run, args[1], shown.Run)
	}
}
