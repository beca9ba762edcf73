package twinbook

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/internal/clock/clockrule"
)

const module = "github.com/twinbook/twinbook"

// allowed says which of our packages a package may import, in code that is not a test.
var allowed = map[string][]string{
	"":                           {},
	"engine":                     {"engine/cron", "engine/expr"},
	"engine/cron":                {"engine/expr"},
	"engine/expr":                {},
	"engine/journal":             {"engine", "internal/clock", "internal/filelock"},
	"engine/journal/journaltest": {"engine", "engine/expr", "engine/journal", "internal/clock"},
	"engine/runner":              {"engine", "engine/expr", "engine/journal", "internal/clock"},
	"engine/schedule":            {"engine", "engine/cron", "engine/journal", "internal/clock"},
	"hub":                        {"internal/clock"},
	"hub/azure":                  {"hub", "internal/clock"},
	"hub/hubtest":                {"hub", "internal/clock"},
	"internal/clock":             {},
	"internal/clock/clockrule":   {},
	"internal/filelock":          {},
	"internal/process":           {},
	"server":                     {"engine", "engine/expr", "engine/journal", "engine/runner", "engine/schedule", "hub", "internal/clock", "internal/record", "server/access", "server/library"},
	"internal/warden":            {},
	"server/access":              {"internal/clock"},
	"server/library":             {"engine", "internal/clock"},
	"server/logs":                {"engine", "engine/runner"},
	"server/metrics":             {"engine", "engine/runner"},
	"server/traces":              {"engine", "engine/runner"},
	"server/triggers":            {"engine/journal", "hub", "internal/clock"},
	"internal/record":            {"engine", "engine/expr", "engine/journal", "engine/schedule"},
	"simulator":                  {"hub", "simulator/fault", "simulator/query", "simulator/state", "simulator/wire", "internal/clock"},
	"simulator/authority":        {},
	"simulator/device":           {"engine", "engine/expr", "simulator/fault", "simulator/wire", "internal/clock"},
	"simulator/fault":            {},
	"simulator/query":            {},
	"simulator/state":            {"internal/filelock"},
	"simulator/wire":             {},
	"steps":                      {"engine", "engine/expr", "hub", "internal/clock", "internal/warden"},
	"workflows":                  {},
	"cmd/twinbook":               {"*"},
}

// pure packages decide without doing: no clock, no network, no locks, no environment.
var pure = map[string][]string{
	"engine":          outside,
	"engine/cron":     outside,
	"engine/expr":     outside,
	"simulator/fault": {"net", "net/http", "os", "sync", "sync/atomic", "math/rand"},
	"simulator/query": {"net", "net/http", "os", "sync", "time", "math/rand", "math/rand/v2"},
}

// outside is what the engine must not reach for.
var outside = []string{
	"net", "net/http", "os", "os/exec", "sync", "sync/atomic", "syscall", "io/fs", "log", "log/slog",
	"math/rand", "math/rand/v2", "crypto/rand", "runtime",
}

// onlyIn names packages that one room may import and no other; "/..." stands for all below one, too.
var onlyIn = map[string]string{
	"gopkg.in/yaml.v3":                    "engine",
	"github.com/robfig/cron/v3":           "engine/cron",
	"github.com/expr-lang/expr/...":       "engine/expr",
	"github.com/spf13/cobra":              "cmd/twinbook",
	"golang.org/x/term":                   "cmd/twinbook",
	"github.com/eclipse/paho.mqtt.golang": "simulator/device",
	"modernc.org/sqlite/...":              "engine/journal",
	"github.com/coreos/go-oidc/...":       "server/access",
	"github.com/go-jose/go-jose/...":      "server/access",
	"github.com/fsnotify/fsnotify":        "server/library",
	"github.com/prometheus/...":           "server/metrics",
	"go.opentelemetry.io/...":             "server/traces",
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		may, known := allowed[room]
		if !known {
			t.Errorf("package %q is not in the table of who may import whom", room)
			continue
		}
		for _, path := range p.Imports {
			if inner, ours := strings.CutPrefix(path, module+"/"); ours && !slices.Contains(may, inner) && !slices.Contains(may, "*") {
				t.Errorf("%s imports %s, which it may not", room, inner)
			}
			if slices.Contains(pure[room], path) {
				t.Errorf("%s imports %s, and is to be pure", room, path)
			}
			if home := homeOf(path); home != "" && home != room {
				t.Errorf("%s imports %s, which only %s may", room, path, home)
			}
		}
	}
}

// homeOf is the one room that may import a package, or nothing.
func homeOf(path string) string {
	for library, home := range onlyIn {
		top, all := strings.CutSuffix(library, "/...")
		if path == top || all && strings.HasPrefix(path, top+"/") {
			return home
		}
	}
	return ""
}

// TestEngineReadsNoClock holds what the import list cannot: `time` has types that the engine needs,
// and a clock that it must not read.
func TestEngineReadsNoClock(t *testing.T) {
	clockrule.Check(t, "engine")
	clockrule.Check(t, "engine/cron")
	clockrule.Check(t, "engine/expr")
	clockrule.Check(t, "simulator/fault")
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}
