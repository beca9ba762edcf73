package process

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

// signal is for the command's group, and for those children that have left it. Their own children become ours when they end.
func (w *watch) signal(s syscall.Signal) {
	if !w.ended { // afterwards another group may have its number
		_ = syscall.Kill(-w.pid, s)
	}
	for _, pid := range childrenOf(os.Getpid()) {
		if group, err := syscall.Getpgid(pid); w.ended || err != nil || group != w.pid { // nobody is told twice
			_ = syscall.Kill(pid, s)
		}
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
