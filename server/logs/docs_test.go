package logs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// message is what a line says: the source has no other texts that begin like one.
var message = regexp.MustCompile(`"((?:run|step|item|cancel|signal|answer|log lines) [a-z ,]+)"`)

// TestDocsHaveEveryLine holds the messages that the code has against docs/metrics.md, but for those of single steps,
// which nobody is woken by.
func TestDocsHaveEveryLine(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	debug, found := "step began, step ended, step sleeps, step sees, item began, item ended", 0
	for _, file := range []string{"runs.go", "notes.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range message.FindAllStringSubmatch(string(source), -1) {
			found++
			if text := m[1]; !strings.Contains(debug, text) && !strings.Contains(string(page), "`"+text+"`") {
				t.Errorf("%s says %q, and docs/metrics.md does not know it", file, text)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d messages were found", found)
	}
}
