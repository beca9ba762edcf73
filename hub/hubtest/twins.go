package hubtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/twinbook/twinbook/hub"
)

var twins = []question{
	{"ANewTwinIsEmpty", aNewTwinIsEmpty},
	{"APatchMerges", aPatchMerges},
	{"ReportedIsSeenWithItsTimes", reportedIsSeen},
	{"TagsAndDesiredAreApart", tagsAndDesiredAreApart},
	{"AStaleETagConflicts", aStaleETagConflicts},
	{"ConcurrentPatchesAllCount", concurrentPatches},
	{"ConnectionStateFollowsTheDevice", connectionState},
	{"UnknownDeviceIsNotFound", func(ctx context.Context, x *exam) {
		_, err := x.Hub.Twin(ctx, hub.Target{Device: "nobody"})
		x.failsWith(err, "nobody", hub.NotFound, false)
		_, err = x.Hub.UpdateTwin(ctx, hub.Target{Device: "nobody"}, hub.Patch{Desired: object{"a": 1}})
		x.failsWith(err, "nobody", hub.NotFound, false)
	}},
	{"UnknownModuleIsNotFound", func(ctx context.Context, x *exam) {
		x.device()
		_, err := x.Hub.Twin(ctx, hub.Target{Device: dev.Device, Module: "nothing"})
		x.failsWith(err, dev.Device+"/nothing", hub.NotFound, false)
	}},
}

type object = map[string]any

// twin reads dev's twin.
func (x *exam) twin(ctx context.Context) hub.Twin {
	x.Helper()
	t, err := x.Hub.Twin(ctx, dev)
	if err != nil {
		x.Fatal(err)
	}
	return t
}

// update changes dev's twin.
func (x *exam) update(ctx context.Context, p hub.Patch) hub.Twin {
	x.Helper()
	t, err := x.Hub.UpdateTwin(ctx, dev, p)
	if err != nil {
		x.Fatalf("%+v: %v", p, err)
	}
	return t
}

func (x *exam) same(what string, got, want object) {
	x.Helper()
	if !reflect.DeepEqual(got, want) {
		x.Errorf("%s = %v, want %v", what, got, want)
	}
}

func aNewTwinIsEmpty(ctx context.Context, x *exam) {
	x.device()
	t := x.twin(ctx)
	if t.Target != dev || t.Status != "enabled" || t.ConnectionState != "Connected" || t.ETag == "" {
		x.Errorf("twin of %s: status %q, connection %q, etag %q", t.Target, t.Status, t.ConnectionState, t.ETag)
	}
	x.same("tags", t.Tags, object{})
	x.same("desired", t.Desired, object{})
	x.same("reported", t.Reported, object{})
}

func aPatchMerges(ctx context.Context, x *exam) {
	x.device()
	for _, test := range []struct{ patch, want object }{
		{object{"a": 1, "b": object{"c": "x", "d": true}}, object{"a": 1.0, "b": object{"c": "x", "d": true}}},
		{object{"b": object{"c": nil, "e": []any{1, 2}}}, object{"a": 1.0, "b": object{"d": true, "e": []any{1.0, 2.0}}}},
		{object{"b": object{"e": []any{3}}}, object{"a": 1.0, "b": object{"d": true, "e": []any{3.0}}}},
		{object{"a": object{"f": 2}}, object{"a": object{"f": 2.0}, "b": object{"d": true, "e": []any{3.0}}}},
		{object{"b": nil, "missing": nil}, object{"a": object{"f": 2.0}}},
		{object{"a": 7}, object{"a": 7.0}},
	} {
		before := x.twin(ctx)
		after := x.update(ctx, hub.Patch{Desired: test.patch})
		x.same(fmt.Sprintf("desired after %v", test.patch), after.Desired, test.want)
		x.same("desired as read", x.twin(ctx).Desired, test.want)
		if after.DesiredVersion != before.DesiredVersion+1 || after.ETag == before.ETag {
			x.Errorf("version %d after %d, etag %s after %s", after.DesiredVersion, before.DesiredVersion, after.ETag, before.ETag)
		}
	}
}

func reportedIsSeen(ctx context.Context, x *exam) {
	d := x.device()
	before := x.twin(ctx)
	begun := x.Clock.Now()
	d.Report(`{"firmware":"1.4.2","net":{"ip":"::1","up":true}}`)
	d.Report(`{"net":{"up":null}}`)
	t := x.twin(ctx)
	x.same("reported", t.Reported, object{"firmware": "1.4.2", "net": object{"ip": "::1"}})
	if got, want := t.ReportedVersion, before.ReportedVersion+2; got != want {
		x.Errorf("reported version %d, want %d", got, want)
	}
	net, _ := t.ReportedMetadata["net"].(object)
	for what, meta := range map[string]any{"the section": t.ReportedMetadata, "net": net, "net.ip": net["ip"], "firmware": t.ReportedMetadata["firmware"]} {
		m, _ := meta.(object)
		text, _ := m["$lastUpdated"].(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || at.Before(begun.Truncate(time.Millisecond)) || at.After(x.Clock.Now().Add(time.Second)) {
			x.Errorf("%s was updated at %q, want about %s", what, text, begun)
		}
	}
	if _, there := net["up"]; there {
		x.Error("the metadata still has net.up, which was deleted")
	}
}

func tagsAndDesiredAreApart(ctx context.Context, x *exam) {
	x.device()
	first := x.update(ctx, hub.Patch{Tags: object{"site": "x"}, Desired: object{"n": 1}})
	x.same("tags", first.Tags, object{"site": "x"})
	x.same("desired", first.Desired, object{"n": 1.0})
	second := x.update(ctx, hub.Patch{Tags: object{"site": nil, "floor": 2}})
	x.same("tags", second.Tags, object{"floor": 2.0})
	x.same("desired", second.Desired, object{"n": 1.0})
	if second.DesiredVersion != first.DesiredVersion || second.ETag == first.ETag {
		x.Errorf("a change of tags: desired version %d after %d, etag %s after %s", second.DesiredVersion, first.DesiredVersion, second.ETag, first.ETag)
	}
}

func aStaleETagConflicts(ctx context.Context, x *exam) {
	x.device()
	stale := x.twin(ctx).ETag
	current := x.update(ctx, hub.Patch{Desired: object{"n": 1}, IfMatch: stale}).ETag
	_, err := x.Hub.UpdateTwin(ctx, dev, hub.Patch{Desired: object{"n": 2}, Tags: object{"n": 2}, IfMatch: stale})
	x.failsWith(err, dev.Device, hub.Conflict, false)
	t := x.twin(ctx)
	x.same("desired", t.Desired, object{"n": 1.0})
	x.same("tags", t.Tags, object{})
	x.same("desired", x.update(ctx, hub.Patch{Desired: object{"n": 3}, IfMatch: current}).Desired, object{"n": 3.0})
}

func concurrentPatches(ctx context.Context, x *exam) {
	x.device()
	before := x.twin(ctx)
	const parties, each = 8, 5
	x.all(ctx, parties, func(ctx context.Context, i int) error {
		key := fmt.Sprintf("k%d", i)
		for n := range each {
			t, err := x.Hub.UpdateTwin(ctx, dev, hub.Patch{Desired: object{key: n, "all": object{key: n}}})
			if err != nil {
				return err
			}
			if t.Desired[key] != float64(n) {
				return fmt.Errorf("%s is %v right after it was set to %d", key, t.Desired[key], n)
			}
		}
		return nil
	})
	after := x.twin(ctx)
	if all, _ := after.Desired["all"].(object); len(all) != parties || len(after.Desired) != parties+1 {
		x.Errorf("desired = %v", after.Desired)
	}
	if got, want := after.DesiredVersion, before.DesiredVersion+parties*each; got != want {
		x.Errorf("version %d, want %d", got, want)
	}
	var won int
	outcomes := make([]error, parties)
	x.all(ctx, parties, func(ctx context.Context, i int) error {
		_, outcomes[i] = x.Hub.UpdateTwin(ctx, dev, hub.Patch{Desired: object{"winner": i}, IfMatch: after.ETag})
		return nil
	})
	for _, err := range outcomes {
		if err == nil {
			won++
		} else {
			x.failsWith(err, dev.Device, hub.Conflict, false)
		}
	}
	if won != 1 {
		x.Errorf("%d of %d with the same etag won: %v", won, parties, errors.Join(outcomes...))
	}
}

func connectionState(ctx context.Context, x *exam) {
	d := x.device()
	for range 2 {
		d.Offline()
		if got := x.twin(ctx).ConnectionState; got != "Disconnected" {
			x.Errorf("connection state %q after the device went", got)
		}
		d.Online()
		if got := x.twin(ctx).ConnectionState; got != "Connected" {
			x.Errorf("connection state %q after the device came", got)
		}
	}
}
