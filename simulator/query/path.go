package query

import (
	"slices"
	"strings"
)

// A path names a member of a document: tags.site, properties.reported['a b'].
type path struct {
	names []string
	pos   int // in bytes
}

func (p *path) eval(doc Object) any {
	v, ok := doc.Member(p.names[0])
	for _, name := range p.names[1:] {
		if !ok {
			return undefined
		}
		v, ok = memberOf(v, name)
	}
	if !ok {
		return undefined
	}
	return v
}

// last is the name a column has in a row when the query gives it none.
func (p *path) last() string { return p.names[len(p.names)-1] }

// resolve drops the collection's name in front of a path, which the text may have or not, and
// spells the first member as documents do.
func (p *path) resolve(from Collection) {
	for len(p.names) > 1 && strings.EqualFold(p.names[0], "devices") {
		p.names = p.names[1:]
		if inner := innerName(from); len(p.names) > 1 && inner != "" && strings.EqualFold(p.names[0], inner) {
			p.names = p.names[1:]
		}
	}
	for _, name := range members {
		if strings.EqualFold(p.names[0], name) {
			p.names[0] = name
		}
	}
}

func innerName(from Collection) string {
	_, inner, _ := strings.Cut(from.String(), ".")
	return inner
}

// members are the first-level members of twins and of a job's device rows.
var members = []string{
	"deviceId", "moduleId", "etag", "deviceEtag", "status", "statusReason", "statusUpdateTime",
	"connectionState", "lastActivityTime", "cloudToDeviceMessageCount", "authenticationType",
	"x509Thumbprint", "modelId", "version", "tags", "properties", "capabilities", "deviceScope",
	"parentScopes", "managedBy",

	"jobId", "jobType", "startTimeUtc", "endTimeUtc", "createdDateTimeUtc",
	"lastUpdatedDateTimeUtc", "outcome", "error",
}

func (p *path) same(other *path) bool { return slices.Equal(p.names, other.names) }
