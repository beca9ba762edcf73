//go:build unix && !linux

package warden

import "syscall"

// adopt: only Linux gives orphans to somebody else than the system's first process. Here the process group is all that is watched.
func adopt() error { return nil }

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (w *watch) groupGone() bool { return syscall.Kill(-w.pid, 0) == syscall.ESRCH }

func (w *watch) ask() {
	if !w.groupAsked {
		_ = syscall.Kill(-w.pid, syscall.SIGTERM)
		w.groupAsked = true
	}
}

func (w *watch) kill() { _ = syscall.Kill(-w.pid, syscall.SIGKILL) }

// count says that there are some: how many nobody tells.
func (w *watch) count() int { return 1 }
