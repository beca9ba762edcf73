package library

import (
	"path/filepath"
	"strings"
)

// within says whether a path is below a folder.
func within(dir, path string) bool {
	inner, err := filepath.Rel(dir, path)
	return err == nil && inner != ".." && !strings.HasPrefix(inner, ".."+string(filepath.Separator))
}

// tell logs what is different after a look, and says whether anything is.
func (l *Library) tell(before, after *shelf) (changed bool) {
	for _, e := range after.entries {
		old, known := before.byName[e.Name]
		switch {
		case !known:
			l.config.Log.Debug("workflow added", "workflow", e.Name, "file", e.File)
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
		l.config.Log.Error("file not in use", "file", f.File, "inUse", inUse(f), "error", f.Err.Error())
	}
	for file := range known {
		changed = true
		l.config.Log.Info("file no longer faulty", "file", file)
	}
	return changed
}

func inUse(f Fault) string {
	if f.Workflow == "" {
		return "nothing of it"
	}
	return "its version before"
}
