package library

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
)

// within says whether a path is below a folder.
func within(dir, path string) bool {
	inner, err := filepath.Rel(dir, path)
	return err == nil && inner != ".." && !strings.HasPrefix(inner, ".."+string(filepath.Separator))
}

// tell logs what is different after a look, and says whether anything is. What the first look finds is nothing new.
func (l *Library) tell(before, after *shelf) (changed bool) {
	added := slog.LevelInfo
	if l.looks == 1 {
		added = slog.LevelDebug
	}
	for _, e := range after.entries {
		old, known := before.byName[e.Name]
		switch {
		case !known:
			l.config.Log.Log(context.Background(), added, "workflow added", "workflow", e.Name, "file", e.File)
		case old.File != e.File || old.Program != e.Program:
			l.config.Log.Info("workflow changed", "workflow", e.Name, "file", e.File)
		default:
			continue
		}
		changed = true
	}
	for _, e := range before.entries {
		if _, still := after.byName[e.Name]; !still {
			l.config.Log.Info("workflow removed", "workflow", e.Name, "file", e.File)
			changed = true
		}
	}
	return l.tellFaults(before.faults, after.faults) || changed
}

func (l *Library) tellFaults(before, after []Fault) (changed bool) {
	known := map[string]Fault{}
	for _, f := range before {
		known[f.File] = f
	}
	for _, f := range after {
		old, was := known[f.File]
		delete(known, f.File)
		if was && sameError(old.Err, f.Err) && old.Workflow == f.Workflow {
			continue
		}
		changed = true
		l.config.Log.Error(headline(f), "file", f.File, "inUse", inUse(f), "error", f.Err.Error())
	}
	for _, f := range known {
		changed = true
		l.config.Log.Info(allClear(f), "file", f.File)
	}
	return changed
}

func headline(f Fault) string {
	if f.Folder {
		return "folder not readable"
	}
	return "file not in use"
}

func allClear(f Fault) string {
	if f.Folder {
		return "folder readable again"
	}
	return "file no longer faulty"
}

func inUse(f Fault) string {
	switch {
	case f.Folder:
		return "all that was in it"
	case f.Workflow == "":
		return "nothing of it"
	}
	return "its version before"
}
