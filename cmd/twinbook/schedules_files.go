package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/server/library"
	"github.com/twinbook/twinbook/steps"
)

// workflowsFolder is where a server finds its workflows; named: somebody says so.
func (a *app) workflowsFolder(f *schedulesFlags, c *configuration) (dir string, named bool) {
	if dir = cmp.Or(f.workflows, a.getenv("TWINBOOK_WORKFLOWS")); dir != "" {
		return dir, true
	}
	return c.serve.workflows, false
}

// schedulesIn are the schedules of the files and folders that args name, or else of the server's folder, and what is
// wrong with files.
func (a *app) schedulesIn(ctx context.Context, args []string, f *schedulesFlags) ([]schedule.Schedule, engine.Problems, error) {
	if len(args) > 0 {
		files, err := filesToCheck(args)
		if err != nil {
			return nil, nil, err
		}
		return readSchedules(ctx, files)
	}
	config, err := a.loadConfig()
	if err != nil {
		return nil, nil, err
	}
	dir, named := a.workflowsFolder(f, config)
	list, problems, err := schedulesBelow(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) && !named {
		err = fmt.Errorf("there is no folder %s; name the files or folders of workflows, or --workflows DIR", dir)
	}
	return list, problems, err
}

// schedulesBelow are those of a server's folder.
func schedulesBelow(ctx context.Context, dir string) ([]schedule.Schedule, engine.Problems, error) {
	paths, err := library.Find(dir)
	if err != nil {
		return nil, nil, err
	}
	var files []candidate
	for _, path := range paths {
		files = append(files, candidate{path: path, found: true})
	}
	return readSchedules(ctx, files)
}

// readSchedules are the schedules of workflows. Files that were found in folders and are no workflows are left out.
func readSchedules(ctx context.Context, files []candidate) (list []schedule.Schedule, all engine.Problems, err error) {
	var reader schedule.Reader
	for _, file := range files {
		if ctx.Err() != nil {
			return nil, nil, stopped(ctx)
		}
		source, err := readSource(file.path)
		if err != nil {
			return nil, nil, err
		}
		switch kind := kindOf(source); {
		case file.found && kind != "workflow":
			continue
		case kind != "" && kind != "workflow":
			return nil, nil, fmt.Errorf("%s is a file of kind %s; schedules stand in workflows", file.path, kind)
		}
		p, problems := engine.Compile(file.path, source, engine.Options{Types: steps.All().Types, Read: readSource})
		if len(problems) > 0 {
			all = append(all, problems...)
			continue
		}
		for _, s := range p.Workflow.Schedules {
			read, err := reader.Read(p.Workflow.Name, s)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", s.Pos, err)
			}
			list = append(list, read)
		}
	}
	return list, all, nil
}
