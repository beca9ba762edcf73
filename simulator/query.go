package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"iter"
	"slices"
	"sort"
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

// An answerPage has views for SELECT *, rows for all else.
type answerPage struct {
	views []view
	rows  []map[string]any
	star  bool
	next  string // empty on the last page
}

// A bookmark is where the next page begins. Clients see it as an opaque text.
type bookmark struct {
	Query []byte `json:"q"`           // hash of the query's text
	Size  int    `json:"s"`           // of pages
	After string `json:"a,omitempty"` // the last device seen
	Seen  int    `json:"n,omitempty"` // rows given so far
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
	page := answerPage{star: q.Star}
	switch {
	case q.From == query.Jobs:
		return page, notImplemented.fault("This simulator has no jobs to query")
	case q.Aggregates():
		h.aggregate(q, mark, &page)
	default:
		h.collect(q, mark, &page)
	}
	return page, nil
}

// printableQuery keeps a parser's message from breaking up ErrorCode:…;text.
func printableQuery(err error) string {
	b := []byte(err.Error())
	for i, c := range b {
		if c == ';' || c < ' ' {
			b[i] = ' '
		}
	}
	return string(b)
}

func (in inquiry) bookmark() (bookmark, error) {
	hash := sha256.Sum256([]byte(in.text))
	mark := bookmark{Query: hash[:12], Size: defaultPage}
	if in.continuation != "" {
		text, err := base64.RawURLEncoding.DecodeString(in.continuation)
		var sent bookmark
		if err != nil || json.Unmarshal(text, &sent) != nil || !slices.Equal(sent.Query, mark.Query) || sent.Size < 1 || sent.Seen < 0 {
			return mark, argumentInvalid.fault("The continuation token is not valid for this query").
				saying("the continuation is not from a page of this query; begin again without it")
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

func (b bookmark) text() string {
	return base64.RawURLEncoding.EncodeToString(encodeJSON(b))
}

// views are the devices after one id that the query can match, in order.
func (h *Hub) views(q *query.Query, after string) iter.Seq[view] {
	ids := h.candidates(q)
	ids = ids[sort.SearchStrings(ids, after+"\x00"):]
	return func(yield func(view) bool) {
		for d := range h.devices.all(ids) {
			if !yield(d.view()) {
				return
			}
		}
	}
}

// candidates are the ids of the devices or modules that a query can match, in order.
func (h *Hub) candidates(q *query.Query) []string {
	devices, named := q.DeviceIDs()
	switch {
	case q.From != query.Modules && !named:
		return h.devices.list()
	case q.From != query.Modules:
		devices = slices.DeleteFunc(devices, func(id string) bool { return strings.Contains(id, "/") }) // of a module
		slices.Sort(devices)
		return devices
	case !named:
		return h.devices.listModules()
	}
	modules := h.devices.listModules()
	var ids []string
	for _, device := range devices {
		ids = append(ids, modulesOf(modules, device)...)
	}
	slices.Sort(ids)
	return ids
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
			page.views = append(page.views, v)
		} else {
			page.rows = append(page.rows, q.Project(v))
		}
		mark.After = v.device.id
		mark.Seen++
	}
}

// aggregate computes all rows anew for each page; they are few.
func (h *Hub) aggregate(q *query.Query, mark bookmark, page *answerPage) {
	rows := q.Aggregate(func(yield func(query.Object) bool) {
		for v := range h.views(q, "") {
			if !yield(v) {
				return
			}
		}
	})
	rows = rows[min(mark.Seen, len(rows)):]
	if len(rows) > mark.Size {
		rows = rows[:mark.Size]
		mark.Seen += mark.Size
		page.next = mark.text()
	}
	page.rows = rows
}
