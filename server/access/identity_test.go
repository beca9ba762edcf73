package access

import (
	"context"
	"testing"
)

func TestRolesIncludeEachOther(t *testing.T) {
	for _, c := range []struct {
		roles []string
		may   map[string]bool
	}{
		{nil, map[string]bool{Viewer: false, Operator: false, Admin: false, "": false, "night-shift": false}},
		{[]string{Viewer}, map[string]bool{Viewer: true, Operator: false, Admin: false}},
		{[]string{Operator}, map[string]bool{Viewer: true, Operator: true, Admin: false, "night-shift": false}},
		{[]string{Admin}, map[string]bool{Viewer: true, Operator: true, Admin: true, "night-shift": false}},
		{[]string{"night-shift"}, map[string]bool{Viewer: false, Operator: false, "night-shift": true, "Night-Shift": false}},
		{[]string{"Admin", "admin ", "adm"}, map[string]bool{Viewer: false, Admin: false}},
		{[]string{"night-shift", Viewer}, map[string]bool{Viewer: true, Operator: false, "night-shift": true}},
	} {
		for role, want := range c.may {
			if got := (Identity{Name: "x", Roles: c.roles}).May(role); got != want {
				t.Errorf("%q may %q: %t, want %t", c.roles, role, got, want)
			}
		}
	}
}

func TestIdentityInWords(t *testing.T) {
	for want, id := range map[string]Identity{
		"":                {},
		"loopback":        loopback(),
		"ci (token)":      {Name: "ci", How: ByToken},
		"ci (oidc)":       {Name: "ci", How: ByOIDC},
		"loopback (oidc)": {Name: "loopback", How: ByOIDC},
	} {
		if got := id.String(); got != want {
			t.Errorf("%+v is %q, want %q", id, got, want)
		}
	}
	if id := From(context.Background()); id.May(Viewer) || id.String() != "" {
		t.Errorf("nobody is %+v", id)
	}
}
