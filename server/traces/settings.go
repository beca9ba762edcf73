package traces

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Wanted says whether the environment names a collector, and does not say that none is wanted.
func Wanted(env func(name string) (string, bool)) bool {
	if value(env, "OTEL_SDK_DISABLED") == "true" || value(env, "OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return value(env, "OTEL_EXPORTER_OTLP_ENDPOINT") != "" || value(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

func value(env func(string) (string, bool), name string) string {
	text, _ := env(name)
	return strings.TrimSpace(text)
}

// settings are what the environment says beside the connection.
type settings struct {
	sampler sdk.Sampler
	most    int           // spans that may wait to be sent: each takes about half a kilobyte
	batch   int           // spans in one request
	delay   time.Duration // how long a span may wait for others
	timeout time.Duration // of a request, with all its repetitions
}

// settingsOf reads the variables that OpenTelemetry defines for what is done here and not by its library, and those of
// which the library takes no notice when they are wrong: it would send to another place, or without the certificate.
func settingsOf(env func(string) (string, bool)) (settings, error) {
	r := reader{env: env}
	for _, prefix := range []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"} {
		r.check(prefix+"ENDPOINT", checkEndpoint)
		r.check(prefix+"PROTOCOL", checkProtocol)
		for _, name := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
			r.check(prefix+name, checkFile)
		}
	}
	s := settings{
		most:    r.number("OTEL_BSP_MAX_QUEUE_SIZE", 8192),
		batch:   r.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
		delay:   time.Duration(r.number("OTEL_BSP_SCHEDULE_DELAY", 5000)) * time.Millisecond,
		timeout: time.Duration(r.number("OTEL_BSP_EXPORT_TIMEOUT", 30000)) * time.Millisecond,
	}
	r.check("OTEL_TRACES_SAMPLER", func(name string) (err error) {
		s.sampler, err = samplerOf(name, value(env, "OTEL_TRACES_SAMPLER_ARG"))
		return err
	})
	return s, errors.Join(r.wrong...)
}

// A reader reads the environment, and collects what is wrong there.
type reader struct {
	env   func(string) (string, bool)
	wrong []error
}

func (r *reader) check(name string, f func(text string) error) {
	if err := f(value(r.env, name)); err != nil {
		r.wrong = append(r.wrong, fmt.Errorf("%s: %w", name, err))
	}
}

// number is a whole number above zero and below a million.
func (r *reader) number(name string, otherwise int) int {
	r.check(name, func(text string) error {
		if text == "" {
			return nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1_000_000 {
			return fmt.Errorf("expected a number from 1 to 1000000, found %q", text)
		}
		otherwise = n
		return nil
	})
	return otherwise
}

func checkEndpoint(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil
	case strings.Contains(text, "@"):
		return errors.New("credentials in an address are seen in errors; give them in OTEL_EXPORTER_OTLP_HEADERS")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is no address such as http://localhost:4318", text)
	}
	return nil
}

func checkProtocol(text string) error {
	if slices.Contains([]string{"", "http/protobuf", "http/json"}, text) {
		return nil
	}
	return fmt.Errorf("%q is not spoken here, http/protobuf is; collectors listen for that on port 4318", text)
}

func checkFile(name string) error {
	if name == "" {
		return nil
	}
	_, err := os.ReadFile(name)
	return err
}

// samplerOf decides by the trace's id alone: spans of a run are made here and there, and have to be kept or not
// together. The trace of a run has nothing around it, so that the parent-based samplers are the same as those without.
func samplerOf(name, arg string) (sdk.Sampler, error) {
	switch strings.TrimPrefix(strings.ToLower(name), "parentbased_") {
	case "", "always_on":
		return sdk.AlwaysSample(), nil
	case "always_off":
		return sdk.NeverSample(), nil
	case "traceidratio":
		if arg == "" {
			return sdk.AlwaysSample(), nil
		}
		share, err := strconv.ParseFloat(arg, 64)
		if err != nil || !(share >= 0 && share <= 1) {
			return nil, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: expected a share from 0 to 1, found %q", arg)
		}
		return sdk.TraceIDRatioBased(share), nil
	}
	return nil, fmt.Errorf("there is no sampler %q; there are always_on, always_off and traceidratio", name)
}
