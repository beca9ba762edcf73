package main

import (
	"context"

	"github.com/twinbook/twinbook/server/library"
)

// openLibrary reads the workflows. Files with faults are told of in the log, and do not keep the server from starting.
func (s *server) openLibrary(ctx context.Context) (err error) {
	s.library, err = library.Open(ctx, library.Config{
		Dir: s.settings.workflows, Kind: kindOf, Compile: s.reach.compileAdmitted, Changed: s.workflowsChanged, Log: s.log,
	})
	return err
}

// workflowsChanged is told that the library has something else by now.
func (s *server) workflowsChanged() {
}
