package main

import (
	"context"
	"errors"
	"os"
	"os/user"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// lookAgain is how often the journal is asked whether a wish has come true.
const lookAgain = 100 * time.Millisecond

// ask keeps a wish about a run for whoever drives it.
func (a *app) ask(ctx context.Context, j openJournal, run string, kind engine.EventKind, reason string) error {
	err := j.Ask(ctx, journal.Request{Run: run, Kind: kind, Reason: reason, By: a.whoAsks(), Time: time.Now().UTC()})
	if err == nil {
		a.audit(j, auditActions[kind], run, reason)
	}
	return err
}

// auditActions are what wishes are called in the audit trail, as the API calls them.
var auditActions = map[engine.EventKind]string{
	engine.CancelRequested: "runs.cancel", engine.PauseRequested: "runs.pause", engine.ResumeRequested: "runs.resume",
}

// An auditor keeps an audit trail, as every journal of ours does.
type auditor interface{ Audit(e journal.AuditEntry) }

// audit notes what the person at this terminal has done; what an action is called is said in docs/access.md.
func (a *app) audit(j openJournal, action, target, detail string) {
	if trail, ok := j.Journal.(auditor); ok {
		trail.Audit(journal.AuditEntry{Time: time.Now().UTC(), Who: a.whoAsks(), Action: action, Target: target, Detail: detail, Result: "done"})
	}
}

// whoAsks is the person at this terminal: user@host.
func (a *app) whoAsks() string {
	name := a.getenv("USER")
	if name == "" {
		name = a.getenv("USERNAME")
	}
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// errWaited is that a run has not done what was asked for in time.
var errWaited = errors.New("it was not waited for longer")

// until looks at a run again and again until met says that it is as wanted, and gives it. errWaited: limit has passed.
func until(ctx context.Context, j openJournal, id string, limit time.Duration, met func(journal.Run) bool) (journal.Run, error) {
	end := time.Now().Add(limit)
	for {
		run, err := j.Run(ctx, id)
		if err == nil && run.Status == "" && run.Driver == "" { // its process may have ended between the two
			run, err = j.Run(ctx, id)
		}
		if err != nil || met(run) {
			return run, err
		}
		if !time.Now().Before(end) {
			return run, errWaited
		}
		select {
		case <-ctx.Done():
			return run, stopped(ctx)
		case <-time.After(lookAgain):
		}
	}
}
