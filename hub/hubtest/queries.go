package hubtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/hub"
)

var queries = []question{
	{"WhereSelectsTwins", whereSelects},
	{"PagesNeitherRepeatNorLose", pagesAreWhole},
	{"OtherSelectionsAreRows", otherSelectionsAreRows},
	{"NothingFoundIsAnEmptyPage", func(ctx context.Context, x *exam) {
		page := x.query(ctx, hub.Query{Text: "SELECT * FROM devices WHERE tags.site = 'nowhere'"})
		if page.Twins == nil || len(page.Twins) != 0 || page.Continuation != "" {
			x.Errorf("page = %+v", page)
		}
	}},
	{"ABadQueryIsInvalid", func(ctx context.Context, x *exam) {
		for _, q := range []hub.Query{{Text: ""}, {Text: "SELECT * FROM"}, {Text: "SELECT * FROM devices", Continuation: "forged"}} {
			_, err := x.Hub.Query(ctx, q)
			x.failsWith(err, "", hub.Invalid, false)
		}
	}},
}

func (x *exam) query(ctx context.Context, q hub.Query) hub.Page {
	x.Helper()
	page, err := x.Hub.Query(ctx, q)
	if err != nil {
		x.Fatalf("%s: %v", q.Text, err)
	}
	return page
}

func (x *exam) addSites() {
	for i := range 5 {
		x.Add(x.T, fmt.Sprintf("x-%d", i), object{"site": "x"}).Report(fmt.Sprintf(`{"n":%d}`, i))
	}
	x.Add(x.T, "y-0", object{"site": "y"})
	x.Add(x.T, "none", nil)
}

func ids(twins []hub.Twin) (ids []string) {
	for _, t := range twins {
		ids = append(ids, t.Device)
	}
	slices.Sort(ids)
	return ids
}

func whereSelects(ctx context.Context, x *exam) {
	x.addSites()
	for where, want := range map[string]string{
		"":                                 "none x-0 x-1 x-2 x-3 x-4 y-0",
		" WHERE tags.site = 'x'":           "x-0 x-1 x-2 x-3 x-4",
		" WHERE tags.site != 'x'":          "y-0",
		" WHERE deviceId = 'none'":         "none",
		" WHERE is_defined(tags.x)":        "",
		" WHERE tags.site IN ['y']":        "y-0",
		" WHERE NOT is_defined(tags.site)": "none",
		" WHERE tags.site = 'x' AND properties.reported.n >= 3":             "x-3 x-4",
		" WHERE properties.reported.n = 1 OR properties.reported.n = 'one'": "x-1",
	} {
		page := x.query(ctx, hub.Query{Text: "SELECT * FROM devices" + where})
		if got := strings.Join(ids(page.Twins), " "); got != want || page.Rows != nil {
			x.Errorf("%s: %s, want %s (rows %v)", where, got, want, page.Rows)
		}
	}
	page := x.query(ctx, hub.Query{Text: "SELECT * FROM devices WHERE deviceId = 'x-1'"})
	t, err := x.Hub.Twin(ctx, hub.Target{Device: "x-1"})
	if err != nil {
		x.Fatal(err)
	}
	found := page.Twins[0]
	x.same("reported", found.Reported, t.Reported)
	x.same("tags", found.Tags, t.Tags)
	x.same("reported metadata", found.ReportedMetadata, t.ReportedMetadata)
	if found.ETag != t.ETag || found.ReportedVersion != t.ReportedVersion {
		x.Errorf("the query found %+v, and the twin is %+v", found, t)
	}
}

func pagesAreWhole(ctx context.Context, x *exam) {
	x.addSites()
	for size := 1; size <= 8; size++ {
		q := hub.Query{Text: "SELECT * FROM devices", PageSize: size}
		var all []hub.Twin
		for pages := 0; ; pages++ {
			page := x.query(ctx, q)
			if len(page.Twins) > size || pages > 7 {
				x.Fatalf("page %d has %d twins, and %d were asked for", pages+1, len(page.Twins), size)
			}
			all = append(all, page.Twins...)
			if q.Continuation = page.Continuation; q.Continuation == "" {
				break
			}
		}
		if got, want := strings.Join(ids(all), " "), "none x-0 x-1 x-2 x-3 x-4 y-0"; got != want {
			x.Errorf("pages of %d: %s, want %s", size, got, want)
		}
	}
}

func otherSelectionsAreRows(ctx context.Context, x *exam) {
	x.addSites()
	page := x.query(ctx, hub.Query{Text: "SELECT COUNT() AS n FROM devices WHERE tags.site = 'x'"})
	if len(page.Rows) != 1 || page.Twins != nil {
		x.Fatalf("page = %+v", page)
	}
	x.same("row", page.Rows[0], object{"n": 5.0})
	page = x.query(ctx, hub.Query{Text: "SELECT deviceId, properties.reported.n AS n FROM devices WHERE deviceId = 'x-3'"})
	if len(page.Rows) != 1 {
		x.Fatalf("page = %+v", page)
	}
	x.same("row", page.Rows[0], object{"deviceId": "x-3", "n": 3.0})
}
