package main

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/clock"
)

// repaint is how often the live line may change without anything having happened.
const repaint = 100 * time.Millisecond

// A live reporter shows a run on a terminal: a line for each step that has ended, and below them one
// that says what the run waits for and why. Only that last line is ever redrawn.
type live struct {
	lines
	clock clock.Clock
	stop  func()

	mu      sync.Mutex // guards what follows: the clock redraws, too
	tracker *tracker
	drawn   string // the live line as it stands on the screen; empty: none
}

func newLive(s screen, out io.Writer, c clock.Clock) *live {
	return &live{lines: lines{screen: s, out: out}, clock: c, tracker: newTracker()}
}

func (l *live) begin(h header) {
	l.lines.begin(h)
	l.write(l.opening(h) + "\n")
	l.remember(l.tracker, h.past)
	l.tick()
}

// tick redraws the live line again and again, until stop.
func (l *live) tick() {
	ended := false
	var again func()
	again = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !ended {
			l.show("")
			l.clock.After(repaint, again)
		}
	}
	l.clock.After(repaint, again)
	l.stop = func() { ended = true }
}

func (l *live) update(u runner.Update) {
	l.mu.Lock()
	defer l.mu.Unlock()
	above := ""
	if u.Note != nil {
		above = l.block(l.tracker, u.Note)
	}
	l.tracker.take(u)
	if above != "" {
		l.show(above)
	}
}

// show writes whole lines above the live line, and the live line as it is now, in one go.
func (l *live) show(above string) {
	now := l.waiting()
	if above == "" && now == l.drawn {
		return
	}
	var b strings.Builder
	if l.drawn != "" {
		b.WriteString("\r\x1b[K")
	}
	b.WriteString(above)
	b.WriteString(now)
	l.drawn = now
	l.write(b.String())
}

// waiting is the live line, never wider than the terminal: a full line would wrap and stay.
func (l *live) waiting() string {
	n, oldest := l.tracker.waiting()
	if n == 0 || l.clock.Now().Sub(oldest.since) < repaint {
		return ""
	}
	columns := l.columns() - 1
	why := "waiting"
	if d := l.clock.Now().Sub(oldest.since); d >= time.Second {
		why += " " + seconds(d)
	}
	why += ": " + oldest.why
	title := l.title(l.tracker, oldest.at, oldest.title, oldest.device)
	if n > 1 {
		title = several(n, title, columns-len("  ▸ ")-2-width(why))
	}
	title = "  " + l.mark("") + " " + title
	room := columns - 2 - width(why) // for the title, if all of why is to be seen
	title = pad(fit(title, max(columns/3, room)), min(2+l.titleWidth, room))
	why = fit(why, columns-width(title)-2)
	return l.paint(cyan, title) + "  " + l.paint(dim, why)
}

// several is the title for many steps: how many, and the oldest where there is room for it.
func several(n int, oldest string, room int) string {
	count := counted(n, "step")
	if all := count + ", the oldest: " + oldest; width(all) <= room {
		return all
	}
	return count
}

// interrupting says what a signal does now.
func (l *live) interrupting(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.show("\n" + l.paint(yellow, why) + "\n")
}

func (l *live) end(s summary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stand()
	l.ending(s)
}

func (l *live) left(s summary, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stand()
	l.leaving(l.tracker, s, why)
}

// stand ends what moves on the screen.
func (l *live) stand() {
	l.stop()
	if l.drawn != "" {
		l.write("\r\x1b[K")
		l.drawn = ""
	}
}
