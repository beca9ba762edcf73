package simulator

import (
	"slices"
	"sync"
	"time"

	"github.com/twinbook/twinbook/simulator/query"
)

// What is kept of aggregates whose pages are being read.
const (
	maxGroupings = 8
	maxGroups    = 200_000 // of all of them together, but for the latest
	groupingLife = 5 * time.Minute
)

// groupings are the latest aggregates that did not fit a page. Without them each page of a hundred
// thousand groups would have to look at all devices again. A token whose grouping is gone still works:
// the groups are then made anew.
type groupings struct {
	mu   sync.Mutex // guards what follows
	made uint64
	list []*grouping // the one used last is last
}

type grouping struct {
	number uint64
	groups query.Groups
	used   time.Time
}

// aggregate fills a page with the rows of groups.
func (h *Hub) aggregate(q *query.Query, mark bookmark, page *answerPage) {
	groups := h.grouped.find(mark.Groups, h.clock.Now())
	if groups == nil {
		groups = h.group(q)
		mark.Groups = 0
	}
	first := min(mark.Seen, len(groups))
	end := min(first+mark.Size, len(groups))
	for i := first; i < end; i++ {
		page.rows = append(page.rows, groups.Row(i))
	}
	if end == len(groups) {
		h.grouped.drop(mark.Groups)
		return
	}
	if mark.Groups == 0 {
		mark.Groups = h.grouped.keep(groups, h.clock.Now())
	}
	mark.Seen = end
	page.next = mark.text()
}

func (h *Hub) group(q *query.Query) query.Groups {
	return q.Aggregate(func(yield func(query.Object) bool) {
		for v := range h.views(q, "") {
			if !yield(v) {
				return
			}
		}
	})
}

// find is the grouping of a number, or nil.
func (g *groupings) find(number uint64, now time.Time) query.Groups {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.list, func(o *grouping) bool { return o.number == number })
	if i < 0 {
		return nil
	}
	found := g.list[i]
	found.used = now
	g.list = append(slices.Delete(g.list, i, i+1), found)
	return found.groups
}

// keep gives groups a number, and forgets those that were not asked for lately.
func (g *groupings) keep(groups query.Groups, now time.Time) (number uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.made++
	g.list = append(g.list, &grouping{g.made, groups, now})
	count, sum := 0, 0
	for _, o := range slices.Backward(g.list) {
		sum += len(o.groups)
		if count == maxGroupings || count > 0 && sum > maxGroups || now.Sub(o.used) > groupingLife {
			break
		}
		count++
	}
	g.list = slices.Delete(g.list, 0, len(g.list)-count)
	return g.made
}

func (g *groupings) drop(number uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = slices.DeleteFunc(g.list, func(o *grouping) bool { return o.number == number })
}
