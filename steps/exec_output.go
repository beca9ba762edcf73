package steps

import (
	"strings"

	"github.com/twinbook/twinbook/internal/warden"
)

// mostOutput is how much is kept of what a command writes, of each kind.
const mostOutput = 64 << 10

// execResult is the end of a command as a run has it.
func (e Env) execResult(r warden.Result) execResult {
	stdout, first := e.firstOf(r.Stdout)
	stderr, last := e.lastOf(r.Stderr)
	return execResult{ExitCode: r.ExitCode, Stdout: stdout, Stderr: stderr, Truncated: first || last}
}

// firstOf and lastOf are what a run keeps of an output, without secrets. More than that is at hand where the output is longer: a secret that is cut in
// two is not known any more, so it is cut where nothing is kept.
func (e Env) firstOf(o warden.Output) (text string, cut bool) {
	text = e.legible(o)
	if o.Cut {
		text = text[:max(0, len(text)-e.margin)]
	}
	text = strings.TrimRight(text, "\r\n")
	if len(text) > mostOutput {
		return strings.ToValidUTF8(text[:mostOutput], ""), true
	}
	return text, o.Cut
}

func (e Env) lastOf(o warden.Output) (text string, cut bool) {
	text = e.legible(o)
	if o.Cut {
		text = text[min(len(text), e.margin):]
	}
	text = strings.TrimRight(text, "\r\n")
	if len(text) > mostOutput {
		return strings.ToValidUTF8(text[len(text)-mostOutput:], ""), true
	}
	return text, o.Cut
}

// legible is an output as text; what is no UTF-8 in it becomes U+FFFD.
func (e Env) legible(o warden.Output) string { return e.Mask.Text(string([]rune(string(o.Text)))) }

// marginFor is how long a secret can be in an output: a character may be written as six, such as \u00e4.
func marginFor(secrets map[string]string) int {
	longest := 0
	for _, secret := range secrets {
		longest = max(longest, 6*len(secret))
	}
	return longest
}

// lastLine is the last line of a text, shortened.
func lastLine(text string) string {
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if runes := []rune(line); len(runes) > 200 {
		return string(runes[:199]) + "…"
	}
	return line
}
