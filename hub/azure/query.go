package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/twinbook/twinbook/hub"
)

// maxPage bounds one page of a query: 1,000 twins of 32 KiB.
const maxPage = 32 << 20

// Query asks for one page. What it finds may lag behind the twins by seconds or minutes: read a
// twin to be sure of a value.
func (c *Client) Query(ctx context.Context, q hub.Query) (hub.Page, error) {
	r := request{
		op: "query devices", effect: read,
		verb: http.MethodPost, path: "/devices/query",
		header: map[string]string{},
		body:   map[string]string{"query": q.Text},
		limit:  c.timeout, maxBody: maxPage,
	}
	if q.PageSize > 0 {
		r.header["x-ms-max-item-count"] = strconv.Itoa(q.PageSize)
	}
	if q.Continuation != "" {
		r.header["x-ms-continuation"] = q.Continuation
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return hub.Page{}, err
	}
	page, err := readPage(a)
	if err != nil {
		return hub.Page{}, r.fail(hub.Unavailable, false, err)
	}
	return page, nil
}

func readPage(a answer) (hub.Page, error) {
	page := hub.Page{Continuation: a.header.Get("x-ms-continuation")}
	if a.header.Get("x-ms-item-type") != "Twin" {
		err := decode(a.body, &page.Rows)
		return page, err
	}
	var items []json.RawMessage
	if err := decode(a.body, &items); err != nil {
		return hub.Page{}, err
	}
	page.Twins = make([]hub.Twin, len(items))
	for i, item := range items {
		var d twinDocument
		err := json.Unmarshal(item, &d)
		if err == nil {
			page.Twins[i], err = d.twin()
		}
		if err != nil {
			return hub.Page{}, fmt.Errorf("row %d of the answer: %s", i+1, clean(err.Error()))
		}
	}
	return page, nil
}
