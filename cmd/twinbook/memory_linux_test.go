package main

import (
	"os/exec"
	"syscall"
)

// megabytes is the most memory that a process had at once.
func megabytes(c *exec.Cmd) float64 {
	usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return float64(usage.Maxrss) / 1024
}
