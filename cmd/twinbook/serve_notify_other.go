//go:build !linux

package main

// sinceBoot is for systemd, which is on Linux only.
func sinceBoot() int64 { return 0 }
