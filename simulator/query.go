package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"iter"
	"runtime"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/simulator/query"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// An inquiry asks for one page.
type inquiry struct {
	text         string
	pageSize     int    // 0: as the page before, or the default
	continuation string // empty: the first page
}

// What a page holds, as clients are told. SDKs know these words in this spelling only.
const (
	twinItems      = "Twin"      // views
	deviceJobItems = "DeviceJob" // rows
	jobItems       = "JobResponse"
	rawItems       = "Raw" // rows
)

// An answerPage has views of twins, rows of all else.
type answerPage struct {
	items string
	views []view
	rows  []map[string]any
	next  string // empty on the last page
}

// A bookmark is where the next page begins. Clients see it as an opaque text.
type bookmark struct {
	Query  []byte `json:"q"`           // hash of the query's text
	Size   int    `json:"s"`           // of pages
	After  string `json:"a,omitempty"` // the last device seen
	Seen   int    `json:"n,omitempty"` // rows given so far
	Groups uint64 `json:"g,omitempty"` // what they are of, if it was kept
}

// ask answers a query. Devices come in the order of their ids, so pages neither repeat nor lose one.
func (h *Hub) ask(in inquiry) (answerPage, error) {
	q, err := query.Parse(in.text, query.Options{Superset: h.config.Superset})
	if err != nil {
		return answerPage{}, argumentInvalid.fault("%s", printableQuery(err))
	}
	mark, err := in.bookmark()
	if err != nil {
		return answerPage{}, err
	}
	page := answerPage{items: rawItems}
	if q.Star {
		page.items = twinItems
	}
	switch {
	case q.From == query.Jobs:
		page.items = deviceJobItems
		err = h.collectJobs(q, mark, &page)
	case q.Aggregates():
		h.aggregate(q, mark, &page)
	default:
		h.collect(q, mark, &page)
	}
	return page, err
}

// printableQuery keeps a parser's message from breaking up ErrorCode:…;text.
func printableQuery(err error) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ';':
			return ','
		case r < ' ':
			return ' '
		}
		return r
	}, err.Error())
}

func (in inquiry) bookmark() (bookmark, error) {
	hash := sha256.Sum256([]byte(in.text))
	mark := bookmark{Query: hash[:12], Size: defaultPage}
	if in.continuation != "" {
		text, err := base64.RawURLEncoding.DecodeString(in.continuation)
		var sent bookmark
		if err != nil || json.Unmarshal(text, &sent) != nil || !slices.Equal(sent.Query, mark.Query) || sent.Size < 1 || sent.Seen < 0 {
			return mark, badContinuation()
		}
		mark = sent
	}
	if in.pageSize != 0 {
		mark.Size = in.pageSize
	}
	if mark.Size < 1 {
		return mark, argumentInvalid.fault("The page size must be from 1 to %d", maxPage)
	}
	mark.Size = min(mark.Size, maxPage)
	return mark, nil
}

func badContinuation() error {
	return argumentInvalid.fault("The continuation token is not valid for this query").
		saying("the continuation is not from a page of this query; begin again without it")
}

func (b bookmark) text() string {
	return base64.RawURLEncoding.EncodeToString(encodeJSON(b))
}

// views are the devices after one id that the query can match, in order. It is one view all the time,
// filled anew for each device: who keeps one copies it.
func (h *Hub) views(q *query.Query, after string) iter.Seq[*view] {
	return func(yield func(*view) bool) {
		var v view
		for block := range slices.Chunk(h.candidates(q, after), 64) {
			touch(block)
			for _, d := range block {
				if d.showIf(q, &v) && !yield(&v) {
					return
				}
			}
		}
	}
}

// touch has the processor fetch devices from memory, many at a time. Taking one lock after the other it
// would wait for each.
func touch(devices []*device) {
	sum := 0
	for _, d := range devices {
		sum += len(d.id)
	}
	runtime.KeepAlive(sum)
}

// candidates are the devices or modules after one id that a query can match, in order, and some that
// were deleted.
func (h *Hub) candidates(q *query.Query, after string) []*device {
	list := h.devices.list
	if q.From == query.Modules {
		list = h.devices.listModules
	}
	ids, named := q.DeviceIDs()
	if !named {
		all := list()
		return all[placeOf(all, after+"\x00"):]
	}
	var found []*device
	for _, id := range ids {
		if q.From == query.Modules {
			found = append(found, modulesOf(list(), id)...)
		} else if d := h.devices.get(id); d != nil && d.names().Module == "" {
			found = append(found, d)
		}
	}
	found = slices.DeleteFunc(found, func(d *device) bool { return d.id <= after })
	slices.SortFunc(found, byID)
	return found
}

// collect fills a page with devices or their projections. It looks for one more than fits, since a
// last page must not promise another.
func (h *Hub) collect(q *query.Query, mark bookmark, page *answerPage) {
	for v := range h.views(q, mark.After) {
		if q.Top > 0 && mark.Seen == q.Top {
			return
		}
		if !q.Match(v) {
			continue
		}
		if len(page.views)+len(page.rows) == mark.Size {
			page.next = mark.text()
			return
		}
		if q.Star {
			page.views = append(page.views, *v)
		} else {
			kept := *v
			page.rows = append(page.rows, q.Project(&kept))
		}
		mark.After = v.device.id
		mark.Seen++
	}
}
