package main

import "golang.org/x/sys/unix"

// sinceBoot is the clock by which systemd tells a reload from the one before, in microseconds.
func sinceBoot() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano() / 1000
}
