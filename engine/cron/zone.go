package cron

import (
	"fmt"
	"time"
	_ "time/tzdata" // so that zones are known on machines that have no files of them
)

// Zone is the time zone of an IANA name, such as Europe/Berlin.
func Zone(name string) (*time.Location, error) {
	const instead = "write a name of the IANA list, such as Europe/Berlin, or UTC"
	if name == "" || name == "Local" { // which would mean another zone on another machine
		return nil, fmt.Errorf("%q is no time zone; %s", name, instead)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %q; %s", name, instead)
	}
	return zone, nil
}
