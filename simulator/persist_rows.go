package simulator

import (
	"fmt"

	"github.com/twinbook/twinbook/simulator/state"
)

// keptBurst is how many outcomes of a job a kill may take from one whom nobody asks: then they are saved, so that
// neither each costs a write, nor all are lost.
const keptBurst = 256

// keptRows are outcomes of a job that came after it was saved, in the order in which they came. All of a large job
// is written twice, when it begins and ends; in between there are steps, which hold each outcome once.
type keptRows struct {
	At    []int       `json:"at"` // which rows
	Rows  [][5]uint32 `json:"rows"`
	Texts []string    `json:"texts,omitempty"` // that no earlier step has
}

// unkeptRows are the outcomes of a job that the state folder lacks. Guarded by jobs.mu.
type unkeptRows struct {
	rows         []int
	texts, bytes int // of the job's texts, how many the folder has, and their bytes
}

// noteRow has an outcome saved before it is shown, or when there are many. The jobs are locked.
func (js *jobs) noteRow(j *job, i int) {
	if js.saveRows == nil {
		return
	}
	j.unkept.rows = append(j.unkept.rows, i)
	if len(j.unkept.rows) >= keptBurst || j.rows.bytes-j.unkept.bytes >= partText {
		js.show(j)
	}
}

// saveRows writes what the folder lacks of a job that runs.
func (k *keptJobs) saveRows(j *job) error {
	if len(j.unkept.rows) == 0 {
		return nil
	}
	step := keptRows{At: j.unkept.rows, Texts: j.rows.texts[j.unkept.texts:]}
	for _, i := range step.At {
		step.Rows = append(step.Rows, j.rows.rows[i].record())
	}
	kept := k.parts[j.id]
	if err := k.store.Write(state.Change{Kind: jobRowsKind, Key: kept.key(j.id, kept.steps), Value: step}); err != nil {
		return err
	}
	kept.steps++
	k.parts[j.id] = kept
	j.unkept = unkeptRows{texts: len(j.rows.texts), bytes: j.rows.bytes}
	return nil
}

// takeSteps puts into a job what came after it was saved.
func (k *keptJob) takeSteps(id string, all map[string]keptRows) error {
	for ; ; k.steps++ {
		key := k.key(id, k.steps)
		step, there := all[key]
		if !there {
			return nil
		}
		delete(all, key)
		if len(step.At) != len(step.Rows) {
			return fmt.Errorf("job %s: step %d has %d places and %d rows", id, k.steps, len(step.At), len(step.Rows))
		}
		for n, i := range step.At {
			if i < 0 || i >= len(k.Rows) {
				return fmt.Errorf("job %s: step %d is about row %d of %d", id, k.steps, i, len(k.Rows))
			}
			k.Rows[i] = step.Rows[n]
		}
		k.Texts = append(k.Texts, step.Texts...)
	}
}
