package expr

import (
	"fmt"
	"regexp"
	"strings"
)

// A version is what semver(text) gives. Versions compare as Semantic Versioning 2.0 says: by
// their numbers, then a pre-release before its release; what stands after + does not count.
type version struct {
	text    string
	numbers [3]string // digits without leading zeros: they may be longer than an int
	pre     []string
}

// versionText is laxer than the standard where devices are: a leading v, missing numbers (1.4), leading zeros.
var versionText = regexp.MustCompile(`^[vV]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$`)

func parseVersion(text string) (version, error) {
	bad := fmt.Errorf("%q is not a version; write one like 1.4.2", Shorten(text, 40))
	if len(text) > 256 {
		return version{}, bad
	}
	m := versionText.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return version{}, bad
	}
	v := version{text: m[0]}
	for i := range v.numbers {
		v.numbers[i] = strings.TrimLeft(m[i+1], "0")
	}
	if m[4] != "" {
		v.pre = strings.Split(m[4], ".")
	}
	return v, nil
}

// MarshalText is how a version becomes JSON.
func (v version) MarshalText() ([]byte, error) { return []byte(v.text), nil }

// compare is -1, 0 or 1.
func (v version) compare(other version) int {
	for i := range v.numbers {
		if c := compareDigits(v.numbers[i], other.numbers[i]); c != 0 {
			return c
		}
	}
	switch {
	case len(v.pre) == 0 && len(other.pre) == 0:
		return 0
	case len(v.pre) == 0:
		return 1
	case len(other.pre) == 0:
		return -1
	}
	for i := range min(len(v.pre), len(other.pre)) {
		if c := comparePre(v.pre[i], other.pre[i]); c != 0 {
			return c
		}
	}
	return compareInts(len(v.pre), len(other.pre))
}

func compareDigits(a, b string) int {
	if c := compareInts(len(a), len(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// comparePre orders two parts of a pre-release: numbers by value and before words.
func comparePre(a, b string) int {
	aNumber, bNumber := strings.Trim(a, "0123456789") == "", strings.Trim(b, "0123456789") == ""
	switch {
	case aNumber && bNumber:
		return compareDigits(strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0"))
	case aNumber:
		return -1
	case bNumber:
		return 1
	}
	return strings.Compare(a, b)
}

func compareInts(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
