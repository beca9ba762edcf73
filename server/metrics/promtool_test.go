package metrics

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// promtool runs Prometheus' own judge. Where there is none the test is skipped, but not where everything is to be tested.
func promtool(t *testing.T, stdin string, args ...string) (output string, err error) {
	t.Helper()
	if _, missing := exec.LookPath("promtool"); missing != nil {
		if os.Getenv("CI") != "" || os.Getenv("TWINBOOK_WITNESSES") != "" {
			t.Fatal("promtool is missing; in Debian it is in the package prometheus")
		}
		t.Skip("promtool is missing (in Debian it is in the package prometheus), so Prometheus itself has not looked at this")
	}
	command := exec.Command("promtool", args...)
	command.Stdin = strings.NewReader(stdin)
	var both bytes.Buffer
	command.Stdout, command.Stderr = &both, &both
	err = command.Run()
	return both.String(), err
}

func TestPromtoolLikesTheScrape(t *testing.T) {
	text := scrape(t, used(t))
	if output, err := promtool(t, text, "check", "metrics"); err != nil || output != "" {
		t.Errorf("%v: %s", err, output)
	}
	worse := strings.ReplaceAll(text, "twinbook_hub_requests_total", "twinbook_hub_requests")
	if output, err := promtool(t, worse, "check", "metrics"); err == nil {
		t.Errorf("a counter that is not called total is fine with it: %s", output)
	}
}

func TestPromtoolLikesTheAlerts(t *testing.T) {
	if output, err := promtool(t, "", "check", "rules", "../../docs/alerts.yaml"); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	if output, err := promtool(t, "", "test", "rules", "testdata/alerts_test.yaml"); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// TestPromtoolSeesAlertsThatSleep holds the test of the alerts against rules that never fire.
func TestPromtoolSeesAlertsThatSleep(t *testing.T) {
	rules, err := os.ReadFile("../../docs/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	test, err := os.ReadFile("testdata/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	deaf := regexp.MustCompile(`(?s)(expr: )(\|\n +)?`).ReplaceAllString(string(rules), "${1}${2}vector(0) > 1 and ")
	write(t, filepath.Join(folder, "rules.yaml"), deaf)
	write(t, filepath.Join(folder, "test.yaml"), strings.Replace(string(test), "../../../docs/alerts.yaml", "rules.yaml", 1))
	output, err := promtool(t, "", "test", "rules", filepath.Join(folder, "test.yaml"))
	if err == nil || !strings.Contains(output, "got:[]") {
		t.Errorf("alerts that never fire are fine with it: %v: %s", err, output)
	}
	names := alertNames(string(rules))
	if len(names) < 10 {
		t.Errorf("only %d alerts", len(names))
	}
	for _, name := range names {
		if !strings.Contains(output, name) {
			t.Errorf("%s never fires, and no test says so", name)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func alertNames(rules string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		names = append(names, m[1])
	}
	return names
}

var series = regexp.MustCompile(`twinbook_[a-z_]+`)

// TestAlertsAreAboutWhatThereIs holds the metrics that the alerts and their test name against a scrape.
func TestAlertsAreAboutWhatThereIs(t *testing.T) {
	text := scrape(t, used(t))
	for _, file := range []string{"../../docs/alerts.yaml", "testdata/alerts_test.yaml"} {
		rules, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := series.FindAllString(string(rules), -1)
		if len(found) < 10 {
			t.Errorf("%s names only %d metrics", file, len(found))
		}
		for _, name := range found {
			if !strings.Contains(text, "\n"+name+" ") && !strings.Contains(text, "\n"+name+"{") {
				t.Errorf("%s is about %s, which nobody counts", file, name)
			}
		}
	}
}

var (
	row  = regexp.MustCompile("(?m)^\\| `(twinbook_[a-z_]+)` \\| (\\w+) \\| ([^|]*) \\| ([^|]*) \\|$")
	help = regexp.MustCompile(`(?m)^# HELP (twinbook_[a-z_]+) (.*)$`)
	kind = regexp.MustCompile(`(?m)^# TYPE (twinbook_[a-z_]+) (.*)$`)
)

// TestDocsHaveEveryMetric holds the tables of docs/metrics.md against a scrape: names, kinds, labels and words.
func TestDocsHaveEveryMetric(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	text := scrape(t, used(t))
	var want, got []string
	kinds := map[string]string{}
	for _, m := range kind.FindAllStringSubmatch(text, -1) {
		kinds[m[1]] = m[2]
	}
	for _, m := range help.FindAllStringSubmatch(text, -1) {
		want = append(want, strings.Join([]string{m[1], kinds[m[1]], labelsOf(text, m[1]), m[2]}, " | "))
	}
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		got = append(got, strings.Join([]string{m[1], m[2], strings.ReplaceAll(strings.TrimSpace(m[3]), "`", ""), m[4]}, " | "))
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("docs/metrics.md has no row | %s |", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("docs/metrics.md has a row that is not true: | %s |", line)
		}
	}
}

// labelsOf are the labels of a metric, in order, without a histogram's own.
func labelsOf(text, name string) string {
	m := regexp.MustCompile(`(?m)^` + name + `(?:_count)?\{(.*)\} `).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	var labels []string
	for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[1], -1) {
		labels = append(labels, label[1])
	}
	return strings.Join(labels, " ")
}
