//go:build unix

package warden

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// wardenName is what a warden is called in lists of processes, and by what it knows that it is one.
const wardenName = "twinbook-exec"

// An order is what the warden is told: what to start. That its pipe ends tells it to end.
type order struct {
	Path string
	Args []string
	Env  []string
	Dir  string
}

// A report is what the warden tells: that it has started the command, or could not, and how it ended.
type report struct {
	PID   int    // of the command, which is its process group as well
	Error string // why it was not started
	Ended bool
	Told  bool // it had not ended by itself when it was told to
	Code  int
	Left  int // how many processes could not be ended
}

// Run runs a command until all that it has started has ended. If ctx ends first, the command and its children are told to end (SIGTERM), and
// killed after a moment; the error is then ctx's cause, and the result has what was written until then. A *StartError: nothing was started.
func Run(ctx context.Context, c Command) (Result, error) {
	if err := context.Cause(ctx); err != nil {
		return Result{}, &StartError{err}
	}
	if err := ready(c); err != nil {
		return Result{}, err
	}
	w, err := startWarden(c)
	if err != nil {
		return Result{}, err
	}
	letGo := context.AfterFunc(ctx, w.letGo)
	defer letGo()
	last := w.listen(order{Path: c.Path, Args: c.Args, Env: c.Env, Dir: c.Dir})
	err = w.cmd.Wait()
	w.stderr.trim()
	result := Result{ExitCode: last.Code, Stdout: w.stdout.Output, Stderr: w.stderr.Output}
	switch {
	case last.Error != "":
		return result, notStarted("%s", last.Error)
	case ctx.Err() != nil && (last.Told || !last.Ended):
		return result, context.Cause(ctx)
	case !last.Ended:
		return result, fmt.Errorf("the process that watched over it has died (%v), and the command was killed", err)
	case last.Left > 0:
		return result, fmt.Errorf("it has ended, and %d of the processes that it has started cannot be ended; they may belong to another user", last.Left)
	}
	return result, nil
}

// ready finds out what the system would not say clearly.
func ready(c Command) error {
	info, err := os.Stat(c.Dir)
	switch {
	case err != nil:
		return notStarted("workdir: %w", err)
	case !info.IsDir():
		return notStarted("workdir %s is no folder", c.Dir)
	}
	for _, text := range append(append([]string{c.Path, c.Dir}, c.Args...), c.Env...) {
		if bytes.IndexByte([]byte(text), 0) >= 0 {
			return notStarted("a text for a command cannot hold the character NUL")
		}
	}
	return nil
}

// A warden is the other process, as we see it.
type warden struct {
	cmd     *exec.Cmd
	order   *os.File // what ends when we do
	reports *os.File
	stdout  head
	stderr  tail
}

func startWarden(c Command) (*warden, error) {
	orders, order, err := os.Pipe()
	if err != nil {
		return nil, &StartError{err}
	}
	reports, report, err := os.Pipe()
	if err != nil {
		orders.Close()
		order.Close()
		return nil, &StartError{err}
	}
	w := &warden{order: order, reports: reports, stdout: head{most: c.Most}, stderr: tail{most: c.Most}}
	w.cmd = &exec.Cmd{
		Path: self(), Args: []string{wardenName}, Env: []string{"GOMAXPROCS=1"}, Dir: "/",
		Stdin: bytes.NewReader(c.Stdin), Stdout: &w.stdout, Stderr: &w.stderr, ExtraFiles: []*os.File{orders, report},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // what a terminal tells us is not for it
		WaitDelay:   time.Second,                         // for outputs that a process out of our reach keeps open
	}
	err = w.cmd.Start()
	orders.Close()
	report.Close()
	if err != nil {
		order.Close()
		reports.Close()
		return nil, &StartError{err}
	}
	return w, nil
}

// letGo tells the warden to end everything. It is killed if it does not.
func (w *warden) letGo() {
	w.order.Close()
	time.AfterFunc(patience+stubborn+time.Second, func() { _ = w.cmd.Process.Kill() }) // one that has ended is not killed
}

// listen gives the order and takes the reports; it gives the last of them, with what the ones before said.
func (w *warden) listen(o order) report {
	defer w.order.Close()
	defer w.reports.Close()
	_ = json.NewEncoder(w.order).Encode(o) // where this fails, the warden has gone, and there is no report
	var all report
	for reports := json.NewDecoder(w.reports); reports.Decode(&all) == nil; {
	}
	if !all.Ended && all.PID > 0 {
		_ = syscall.Kill(-all.PID, syscall.SIGKILL) // the group of the command, which the system has killed with its warden
	}
	return all
}

// self is the program that runs now, also if its file has been replaced.
func self() string {
	const own = "/proc/self/exe"
	if _, err := os.Stat(own); err == nil {
		return own
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

var errNoOrder = errors.New("no order")

// readOrder is the warden's side of listen. gone is closed when nobody is there any more who could tell us something.
func readOrder(from io.Reader) (o order, gone <-chan struct{}, err error) {
	orders := json.NewDecoder(from)
	if err := orders.Decode(&o); err != nil {
		return o, nil, errNoOrder
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, from)
	}()
	return o, ended, nil
}
