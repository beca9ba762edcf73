package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/server/access"
	"github.com/twinbook/twinbook/server/library"
)

// serveFlags are the flags of `serve`; what is empty follows from the environment, the configuration or a default.
type serveFlags struct {
	hub, workflows, listen, grace, logFormat, logLevel string
}

func (f *serveFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.workflows, "workflows", "", "the folder of workflows (default: TWINBOOK_WORKFLOWS, the configuration's, or "+usualServe.workflows+")")
	flags.StringVar(&f.listen, "listen", "", "HOST:PORT (default: TWINBOOK_LISTEN, the configuration's, or "+usualServe.listen+"; port 0 picks one)")
	flags.StringVar(&f.grace, "grace", "", "how long steps that are under way may take when the server ends (default: TWINBOOK_GRACE, the configuration's, or 30s)")
	flags.StringVar(&f.logFormat, "log-format", "", "text or json (default: TWINBOOK_LOG_FORMAT, the configuration's, or text)")
	flags.StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error (default: TWINBOOK_LOG_LEVEL, the configuration's, or info)")
}

// serveSettings are what a server runs with.
type serveSettings struct {
	config *configuration
	serveConfig
	hub hubConfig // of runs that name none
}

// A wrongSettings is all that is wrong with what a server is to run with.
type wrongSettings []error

func (w wrongSettings) Error() string {
	texts := make([]string, len(w))
	for i, err := range w {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

func (w *wrongSettings) add(err error) {
	if err != nil {
		*w = append(*w, err)
	}
}

// serveSettings puts together what flags, environment and configuration say, and looks at all that can be looked at
// before anything is opened. The error is all that is wrong with it, a wrongSettings.
func (a *app) serveSettings(f serveFlags) (s serveSettings, err error) {
	var wrong wrongSettings
	config, unread := a.loadConfig()
	if wrong.add(unread); unread != nil {
		config = a.bareConfig() // the rest can be looked at all the same
	}
	s = serveSettings{config: config, serveConfig: config.serve}
	wrong.add(a.override(&s.serveConfig, f))
	if unread == nil { // else nobody knows the hubs and the tokens
		s.hub, err = a.chooseHub(config, f.hub)
		wrong.add(err)
		wrong.add(access.CheckListen(s.listen, s.authenticated()))
	}
	if unread == nil || s.workflows != config.serve.workflows { // else nobody knows where it is to be
		_, err := library.Find(s.workflows)
		wrong.add(explainWorkflows(err))
	}
	for _, file := range []string{s.cert, s.key} {
		if _, err := os.Stat(file); file != "" && err != nil {
			wrong.add(fmt.Errorf("tls: %w", err))
		}
	}
	if len(wrong) > 0 {
		return s, wrong
	}
	return s, nil
}

func explainWorkflows(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the folder of workflows cannot be read: %w; --workflows names another one", err)
}

// override has flags and environment go before the configuration.
func (a *app) override(s *serveConfig, f serveFlags) error {
	var wrong wrongSettings
	say := func(flag, name, variable string) (value, by string) {
		if flag != "" {
			return flag, "--" + name + " " + flag
		}
		value = a.getenv(variable)
		return value, variable + "=" + value
	}
	if dir, _ := say(f.workflows, "workflows", "TWINBOOK_WORKFLOWS"); dir != "" {
		s.workflows = dir
	}
	if listen, _ := say(f.listen, "listen", "TWINBOOK_LISTEN"); listen != "" {
		s.listen = listen
	}
	if text, by := say(f.grace, "grace", "TWINBOOK_GRACE"); text != "" {
		grace, err := graceText(text)
		if err != nil {
			wrong.add(fmt.Errorf("%s: %w", by, err))
		}
		s.grace = grace
	}
	if format, by := say(f.logFormat, "log-format", "TWINBOOK_LOG_FORMAT"); format != "" {
		wrong.add(oneOfWords(by, format, logFormats))
		s.logFormat = format
	}
	if level, by := say(f.logLevel, "log-level", "TWINBOOK_LOG_LEVEL"); level != "" {
		wrong.add(oneOfWords(by, level, logLevels))
		s.logLevel = levelOf(level)
	}
	return errors.Join(wrong...)
}

func graceText(text string) (time.Duration, error) {
	grace, err := expr.ParseDuration(text)
	if err == nil && grace > longestGrace {
		err = errLongGrace
	}
	return grace, err
}

func oneOfWords(by, word string, words []string) error {
	if slices.Contains(words, word) {
		return nil
	}
	return fmt.Errorf("%s: it can be %s", by, orWords(words))
}
