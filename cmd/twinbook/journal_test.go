package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine"
)

// The state folder is where each system has such folders, and comes from the environment that was given alone.
func TestStateFolder(t *testing.T) {
	home, state := t.TempDir(), t.TempDir()
	for _, c := range []struct {
		system string
		env    map[string]string
		want   string
	}{
		{"linux", map[string]string{"HOME": home, "XDG_STATE_HOME": state}, state},
		{"linux", map[string]string{"HOME": home}, filepath.Join(home, ".local", "state")},
		{"linux", map[string]string{"HOME": home, "XDG_STATE_HOME": "relative"}, filepath.Join(home, ".local", "state")},
		{"linux", nil, ""},
		{"darwin", map[string]string{"HOME": home}, filepath.Join(home, "Library", "Application Support")},
		{"darwin", map[string]string{"HOME": home, "XDG_STATE_HOME": state}, state},
		{"windows", map[string]string{"LocalAppData": home, "HOME": state}, home},
		{"windows", map[string]string{"HOME": home}, ""},
	} {
		a := &app{env: func(name string) (string, bool) { value, ok := c.env[name]; return value, ok }}
		if got := a.stateDir(c.system); got != c.want {
			t.Errorf("%s, %v: %q, want %q", c.system, c.env, got, c.want)
		}
	}
}

// The file of a journal is beside the configuration; only the bare word memory is none.
func TestWhereAConfigurationPutsTheJournal(t *testing.T) {
	for _, c := range []struct{ config, file, want string }{
		{"twinbook.yaml", "memory", inMemory},
		{"twinbook.yaml", "./memory", "." + string(filepath.Separator) + "memory"},
		{"twinbook.yaml", "a/../memory", "." + string(filepath.Separator) + "memory"},
		{"twinbook.yaml", "runs.db", "runs.db"},
		{"ops/twinbook.yaml", "memory", inMemory},
		{"ops/twinbook.yaml", "./memory", filepath.Join("ops", "memory")},
	} {
		source := "version: 1\nhubs: { desk: { type: simulator, file: s.yaml } }\njournal: { file: " + c.file + " }\n"
		config, problems := decodeConfig(c.config, []byte(source))
		if problems != nil {
			t.Fatal(problems.Text())
		}
		if config.journal.file != c.want {
			t.Errorf("%s of %s: %q, want %q", c.file, c.config, config.journal.file, c.want)
		}
	}
}

// The command that repeats steps can be pasted into a shell, and names each step once.
func TestAgainFlags(t *testing.T) {
	doubts := []engine.Doubt{
		{At: "all[0]/call", Step: "call"}, {At: "all[1]/call", Step: "call"}, {At: "reboot", Step: "reboot"},
		{At: "all[0]/invokeMethod@2", Step: "invokeMethod"},
	}
	want := ` --again first --again call --again reboot --again 'all[0]/invokeMethod@2'`
	if got := againFlags(doubts, []string{"first", "call"}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Each line says whose it is; empty ones need not.
func TestLinesOfOneOfMany(t *testing.T) {
	var b strings.Builder
	m := newOneOfMany(&app{err: &b, out: &b}, "1m83pd69ecfcfe")
	m.write("one\n\ntwo\n")
	m.write("\n")
	if got, want := b.String(), "cfcfe  one\ncfcfe  two\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An error in words is more than a code.
func TestTheFirstOfTwoErrors(t *testing.T) {
	words, code := errors.New("what happened"), coded{code: exitFailed}
	said := coded{exitFailed, words}
	for _, c := range []struct{ a, b, want error }{
		{nil, nil, nil}, {nil, code, code}, {code, nil, code}, {code, words, words}, {words, code, words}, {code, said, said},
		{coded{code: 130}, code, coded{code: 130}},
	} {
		if got := first(c.a, c.b); got != c.want {
			t.Errorf("first(%#v, %#v) = %#v, want %#v", c.a, c.b, got, c.want)
		}
	}
}
