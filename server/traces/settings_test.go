package traces

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func environment(list ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, entry := range list {
			if key, value, _ := strings.Cut(entry, "="); key == name {
				return value, true
			}
		}
		return "", false
	}
}

func TestWhenTracesAreWanted(t *testing.T) {
	const there = "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318"
	for _, c := range []struct {
		env  []string
		want bool
	}{
		{nil, false},
		{[]string{there}, true},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://localhost:4318/v1/traces"}, true},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT= "}, false},
		{[]string{there, "OTEL_SDK_DISABLED=true"}, false},
		{[]string{there, "OTEL_TRACES_EXPORTER=none"}, false},
	} {
		if got := Wanted(environment(c.env...)); got != c.want {
			t.Errorf("%v: %v, want %v", c.env, got, c.want)
		}
	}
}

func TestWhatTheEnvironmentSaysWrongIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "ca.pem")
	for entry, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4318":             "OTEL_EXPORTER_OTLP_ENDPOINT: \"localhost:4318\" is no address",
		"OTEL_EXPORTER_OTLP_ENDPOINT=ftp://localhost":            "is no address such as",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://me:pass@host": "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                       "port 4318",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=" + missing:              "OTEL_EXPORTER_OTLP_CERTIFICATE: open",
		"OTEL_BSP_SCHEDULE_DELAY=1s":                             "expected a number",
		"OTEL_TRACES_SAMPLER=some":                               "there is no sampler",
	} {
		_, err := Open(t.Context(), Config{Env: environment(entry)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pass") {
			t.Errorf("%s: %v, want %s", entry, err, want)
		}
	}
	for _, share := range []string{"2", "-1", "NaN", "half"} {
		if _, err := samplerOf("traceidratio", share); err == nil {
			t.Errorf("a share of %s is fine", share)
		}
	}
}

func TestCallers(t *testing.T) {
	for text, good := range map[string]bool{
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": true,
		Traceparent("r1"): true,
		"":                false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331":    false,
		strings.Repeat("0", 1<<20):                                false,
	} {
		h := http.Header{}
		h.Set("Traceparent", text)
		if got := Caller(h); (got != "") != good {
			t.Errorf("%.60q: %q", text, got)
		}
	}
}
