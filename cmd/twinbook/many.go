package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// A oneOfMany shows one of several runs that go on at the same time: each line begins with the end of its id.
type oneOfMany struct{ plainReporter }

func newOneOfMany(a *app, id string) *oneOfMany {
	mark := id[max(0, len(id)-shortestID):] + "  "
	return &oneOfMany{*newPlain(screen{w: marked{a.err, mark}}, marked{a.out, mark})}
}

// begin is one line, once.
func (m *oneOfMany) begin(h header) {
	m.lines.begin(h)
	m.remember(m.tracker, h.past)
	if h.again {
		return
	}
	m.write(fmt.Sprintf("goes on: %s · %s, began %s, run %s\n", clean(h.program.Workflow.Name), clean(hubTitle(h.hubs)), whenExactly(h.began, h.resumed.Local()), h.start.ID))
	if h.queued != "" {
		m.write(h.queued + "\n")
	}
	m.standing(h)
}

// marked writes lines behind a mark.
type marked struct {
	w    io.Writer
	mark string
}

func (m marked) Write(p []byte) (int, error) {
	var b bytes.Buffer
	for line := range strings.Lines(string(p)) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(m.mark)
			b.WriteString(line)
		}
	}
	if _, err := m.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
