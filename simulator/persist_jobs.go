package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/twinbook/twinbook/simulator/state"
)

// A job may have hundreds of thousands of devices, and megabytes of what they answered: more than one record
// can hold.
const (
	partDevices = 5000
	partText    = 1 << 20 // bytes, and one text more
)

// A keptJob is a job and the first part of its devices. The record is the last to be written of a job, and
// the first to be taken away: other parts count only with it.
type keptJob struct {
	jobRecord
	keptParts
}

// keptParts are the further parts of a job. Each time that a job is saved they have other keys, so that those of
// the last time stay whole until it is done.
type keptParts struct {
	Save  uint64 `json:"save"`
	Parts int    `json:"parts,omitempty"`

	steps int // keptRows that were added since; they are there or not, one after the other
}

// key is that of a part, or a step.
func (p keptParts) key(id string, part int) string { return fmt.Sprint(id, " ", p.Save, " ", part) }

// take is the changes that take the parts and the steps away.
func (p keptParts) take(id string) (changes []state.Change) {
	for i := range p.Parts {
		changes = append(changes, state.Change{Kind: jobPartKind, Key: p.key(id, i)})
	}
	for i := range p.steps {
		changes = append(changes, state.Change{Kind: jobRowsKind, Key: p.key(id, i)})
	}
	return changes
}

// A jobPart is some of the entries of a jobRecord.
type jobPart struct {
	Devices []string    `json:"devices,omitempty"`
	Rows    [][5]uint32 `json:"rows,omitempty"`
	Texts   []string    `json:"texts,omitempty"`
}

// cut takes a part off the front of a record.
func (r *jobRecord) cut() (p jobPart) {
	devices, texts := min(len(r.Devices), partDevices), 0
	for size := 0; texts < len(r.Texts) && size < partText; texts++ {
		size += len(r.Texts[texts])
	}
	p.Devices, r.Devices = r.Devices[:devices], r.Devices[devices:]
	p.Rows, r.Rows = r.Rows[:devices], r.Rows[devices:]
	p.Texts, r.Texts = r.Texts[:texts], r.Texts[texts:]
	return p
}

// add puts a part back at the end.
func (r *jobRecord) add(p jobPart) {
	r.Devices, r.Rows, r.Texts = append(r.Devices, p.Devices...), append(r.Rows, p.Rows...), append(r.Texts, p.Texts...)
}

// keptJobs saves jobs, and knows how many parts it has made of each. Guarded by jobs.mu.
type keptJobs struct {
	store *state.Store
	parts map[string]keptParts
}

// save writes a job, or forgets it where it is nil.
func (k *keptJobs) save(id string, j *job) error {
	old := k.parts[id]
	if j == nil {
		delete(k.parts, id)
		return k.store.Write(append([]state.Change{{Kind: jobKind, Key: id}}, old.take(id)...)...)
	}
	rest := j.record()
	next := keptJob{rest, keptParts{Save: old.Save + 1}}
	next.Devices, next.Rows, next.Texts = nil, nil, nil
	for next.add(rest.cut()); len(rest.Devices)+len(rest.Texts) > 0; next.Parts++ {
		if err := k.store.Write(state.Change{Kind: jobPartKind, Key: next.key(id, next.Parts), Value: rest.cut()}); err != nil {
			return err
		}
	}
	k.parts[id] = next.keptParts
	j.unkept = unkeptRows{texts: max(len(j.rows.texts), 1), bytes: j.rows.bytes}
	return k.store.Write(append([]state.Change{{Kind: jobKind, Key: id, Value: next}}, old.take(id)...)...)
}

// remove takes away what is left of jobs that were being saved when the hub was killed.
func (k *keptJobs) remove(kind string, keys []string) error {
	for _, key := range keys {
		if err := k.store.Write(state.Change{Kind: kind, Key: key}); err != nil {
			return err
		}
	}
	return nil
}

// restoreJobs takes up the jobs that were read, once all devices are there.
func (h *Hub) restoreJobs(jobs map[string]keptJob, parts map[string]jobPart, steps map[string]keptRows) error {
	kept := &keptJobs{h.config.State, map[string]keptParts{}}
	for id, k := range jobs {
		for i := range k.Parts {
			part, there := parts[k.key(id, i)]
			if !there {
				return fmt.Errorf("job %s: its part %d is missing", id, i)
			}
			k.add(part)
			delete(parts, k.key(id, i))
		}
		if err := k.takeSteps(id, steps); err != nil {
			return err
		}
		jobs[id], kept.parts[id] = k, k.keptParts
	}
	if err := kept.remove(jobPartKind, slices.Sorted(maps.Keys(parts))); err != nil {
		return err
	}
	if err := kept.remove(jobRowsKind, slices.Sorted(maps.Keys(steps))); err != nil {
		return err
	}
	h.jobs.save, h.jobs.saveRows = kept.save, kept.saveRows
	for _, k := range slices.SortedFunc(maps.Values(jobs), func(a, b keptJob) int { return cmp.Compare(a.Number, b.Number) }) {
		if err := h.restoreJob(k.jobRecord); err != nil {
			return err
		}
	}
	return nil
}
