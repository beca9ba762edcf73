package engine

import (
	"fmt"
	"strconv"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

func (b *builder) schedules(d *Decoded) []*Schedule {
	var all []*Schedule
	b.zones = map[string]bool{}
	ids := startIDs{}
	for i, item := range d.Items() {
		s := &Schedule{
			Pos: item.Pos(), ID: ids.of(item, i), Cron: item.Get("cron").Text(), Zone: "UTC",
			Jitter: literalLength(item.Get("jitter")), Overlap: OverlapSkip, Missed: MissedLatest, Inputs: values(item.Get("inputs")),
		}
		b.cron(item.Get("cron"))
		if zone := item.Get("timezone"); zone.Text() != "" {
			s.Zone = zone.Text()
			b.zone(zone)
		}
		if text := item.Get("overlap").Text(); text != "" {
			s.Overlap = Overlap(text)
		}
		if text := item.Get("missed").Text(); text != "" {
			s.Missed = Missed(text)
		}
		all = append(all, s)
	}
	return all
}

func (b *builder) triggers(d *Decoded) []*Trigger {
	var all []*Trigger
	ids := startIDs{}
	for i, item := range d.Items() {
		t := &Trigger{Pos: item.Pos(), Inputs: values(item.Get("inputs"))}
		switch {
		case item.Get("webhook") != nil:
			hook := item.Get("webhook")
			secret := hook.Get("secret")
			t.ID, t.Webhook = ids.of(hook, i), &Webhook{Secret: secret.Text(), SecretPos: secret.Pos()}
		case item.Get("twin") != nil:
			twin := item.Get("twin")
			t.ID = ids.of(twin, i)
			t.Twin = &TwinTrigger{Where: twin.Get("where").Condition(), Hub: twin.Get("hub").Text(), HubPos: twin.Get("hub").Pos(), Debounce: literalLength(twin.Get("debounce"))}
		default:
			continue // a problem is noted already
		}
		all = append(all, t)
	}
	return all
}

// startIDs are the ids in a list of schedules or triggers.
type startIDs map[string]Pos

// of is the id that stands in a part, else its number in the list, from 1.
func (ids startIDs) of(d *Decoded, i int) string {
	given := d.Get("id")
	id := given.Text()
	if id == "" {
		return strconv.Itoa(i + 1)
	}
	if first, twice := ids[id]; twice {
		given.Problem("doubled-id", fmt.Sprintf("the first one is in line %d", first.Line), fmt.Sprintf("the id %s stands twice in this list", id))
	} else {
		ids[id] = given.Pos()
	}
	return id
}

// literalLength is a literal duration, zero if it is absent.
func literalLength(d *Decoded) time.Duration {
	length, _ := expr.ParseDuration(d.Text())
	return length
}

func (b *builder) concurrency(d *Decoded) *Concurrency {
	if d == nil {
		return nil
	}
	c := &Concurrency{Pos: d.Pos(), Key: d.Get("key").Value(), Limit: int(d.Get("limit").Number(1)), WhenFull: Queue}
	if text := d.Get("whenFull").Text(); text != "" {
		c.WhenFull = WhenFull(text)
	}
	return c
}
