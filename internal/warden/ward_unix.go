//go:build unix

package warden

import (
	"encoding/json"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// Ward is the whole life of a process that Run has started to watch over a command: it does not return there. In
// any other process it does nothing.
func Ward() {
	if len(os.Args) > 0 && os.Args[0] == wardenName {
		syscall.Exit(ward()) // and not os.Exit: the race detector would wait for a second first
	}
}

// The files that a warden is started with, beside the command's own three.
const (
	orderFile  = 3
	reportFile = 4
)

func ward() (exitCode int) {
	runtime.LockOSThread() // the system kills the command when this thread ends, which is then when the process does
	keepFiles()
	// Signals are for the command. They are caught here and not ignored, since a command inherits what is ignored: also SIGPIPE,
	// which this program ignores elsewhere.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)

	reports := json.NewEncoder(os.NewFile(reportFile, "report"))
	o, gone, err := readOrder(os.NewFile(orderFile, "order"))
	if err != nil {
		return 1 // whoever started us has gone, or is not Run
	}
	if err := adopt(); err != nil {
		_ = reports.Encode(report{Error: err.Error()})
		return 1
	}
	pid, err := syscall.ForkExec(o.Path, append([]string{o.Path}, o.Args...), &syscall.ProcAttr{
		Dir: o.Dir, Env: o.Env, Files: []uintptr{0, 1, 2}, Sys: attributes(),
	})
	if err != nil {
		_ = reports.Encode(report{Error: (&os.PathError{Op: "start", Path: o.Path, Err: err}).Error()})
		return 1
	}
	for fd := range 3 {
		_ = syscall.Close(fd) // so that whoever reads sees the end when the command closes its own
	}
	_ = reports.Encode(report{PID: pid})
	w := watch{pid: pid, asked: map[int]bool{}}
	left := w.untilAllEnded(children, gone)
	_ = reports.Encode(report{Ended: true, Told: w.told, Code: w.code, Left: left})
	return 0
}

// keepFiles keeps all files but the first three from the command: ours, and those that whoever started twinbook has left open for it.
func keepFiles() {
	syscall.CloseOnExec(orderFile)
	syscall.CloseOnExec(reportFile)
	files, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, f := range files {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > reportFile {
			syscall.CloseOnExec(fd)
		}
	}
}

// A watch is over a command and what it has started. All is done in one goroutine: a process that has ended keeps its number until
// reap, so that no signal meets another one that has got the number since.
type watch struct {
	pid   int
	ended bool // the command itself
	told  bool // to end, before it had
	code  int

	groupAsked bool         // all in the command's group were asked to end
	asked      map[int]bool // processes that were asked one by one, and have not ended yet
}

// untilAllEnded returns when nothing of the command is left, or how many processes cannot be ended.
func (w *watch) untilAllEnded(children <-chan os.Signal, gone <-chan struct{}) (left int) {
	var killing time.Time // when those that still run are killed; zero: nobody was told to end
	look := time.NewTimer(time.Hour)
	for {
		if none := w.reap(); none {
			return 0
		}
		now := time.Now()
		if killing.IsZero() && (w.told || w.ended) {
			killing = now.Add(patience)
		}
		switch {
		case killing.IsZero():
		case now.Before(killing):
			w.ask()
			look.Reset(killing.Sub(now))
		case now.Before(killing.Add(stubborn)):
			w.kill()
			look.Reset(5 * time.Millisecond) // children of the killed are ours then, and are next
		default:
			return w.count()
		}
		select {
		case <-children:
		case <-look.C:
		case <-gone:
			w.told, gone = !w.ended, nil
		}
	}
}

// reap takes note of processes that have ended, and says whether none is left.
func (w *watch) reap() (none bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil: // ECHILD
			return w.ended && w.groupGone()
		case pid == 0:
			return false
		case pid != w.pid:
			delete(w.asked, pid)
		case status.Exited() || status.Signaled():
			w.ended, w.code = true, status.ExitStatus()
			if status.Signaled() {
				w.code = 128 + int(status.Signal())
			}
		}
	}
}
