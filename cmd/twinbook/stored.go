package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/steps"
)

// compileStored compiles a workflow as the journal keeps it; what the files say by now does not matter.
func compileStored(sources []journal.Source) (*engine.Program, error) {
	if len(sources) == 0 {
		return nil, errors.New("the journal keeps no workflow of the run")
	}
	texts := map[string][]byte{}
	for _, s := range sources {
		texts[s.File] = s.Text
	}
	read := func(path string) ([]byte, error) {
		text, ok := texts[path]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return text, nil
	}
	p, problems := engine.Compile(sources[0].File, sources[0].Text, engine.Options{Types: steps.All().Types, Read: read})
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("the workflow, as it was when the run began, is not valid in this version of twinbook:\n%s", problems.Text())
	}
	return p, nil
}
