package warden

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// adopt makes this process the parent of all that its children leave behind, instead of the system's first process.
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// groupGone needs not be asked here: who has no children has no orphans either.
func (w *watch) groupGone() bool { return true }

// ask tells whatever of the command has not been told yet to end: its group, and children that have left it. Their own children become
// ours when they end, and are told then.
func (w *watch) ask() {
	if !w.groupAsked && !w.ended { // afterwards another group may have its number
		_ = syscall.Kill(-w.pid, syscall.SIGTERM)
		w.groupAsked = true
	}
	for _, pid := range childrenOf(os.Getpid()) {
		group, err := syscall.Getpgid(pid)
		if toldWithGroup := w.groupAsked && err == nil && group == w.pid; !toldWithGroup && !w.asked[pid] {
			_ = syscall.Kill(pid, syscall.SIGTERM)
			w.asked[pid] = true
		}
	}
}

// kill ends our children. The next ones are theirs.
func (w *watch) kill() {
	for _, pid := range childrenOf(os.Getpid()) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (w *watch) count() int { return len(childrenOf(os.Getpid())) }

// childrenOf are the children of a process, of which zombies are some until they are reaped.
func childrenOf(parent int) (children []int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err == nil && parentOf(name) == parent {
			children = append(children, pid)
		}
	}
	return children
}

// parentOf reads /proc/PID/stat: "PID (NAME) STATE PARENT …", where NAME may hold anything.
func parentOf(pid string) int {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	return parent
}
