//go:build unix && !linux

package process

import "syscall"

// adopt: only Linux gives orphans to somebody else than the system's first process. Here the process group is all that is watched.
func adopt() error { return nil }

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (w *watch) groupGone() bool { return syscall.Kill(-w.pid, 0) == syscall.ESRCH }

func (w *watch) signal(s syscall.Signal) { _ = syscall.Kill(-w.pid, s) }

// count says that there are some: how many nobody tells.
func (w *watch) count() int { return 1 }
