package simulator

import (
	"strconv"

	"github.com/twinbook/twinbook/simulator/wire"
)

var queryRoutes = []route{
	{method: "POST", path: "devices/query", need: serviceConnect, serve: (*request).query, quota: queries},
}

type queryBody struct {
	Query string `json:"query"`
}

func (r *request) query() (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	var b queryBody
	if err := decodeBody(body, wire.MaxDepth, "a query", &b); err != nil {
		return reply{}, err
	}
	in, err := r.inquiry(b.Query)
	if err != nil {
		return reply{}, err
	}
	page, err := r.hub.ask(in)
	if err != nil {
		return reply{}, err
	}
	return page.reply(), nil
}

// inquiry reads the headers that say which page is wanted.
func (r *request) inquiry(text string) (in inquiry, err error) {
	in = inquiry{text: text, continuation: r.Header.Get("x-ms-continuation")}
	if size := r.Header.Get("x-ms-max-item-count"); size != "" {
		if in.pageSize, err = strconv.Atoi(size); err != nil || in.pageSize < 1 {
			return in, argumentInvalid.fault("The header x-ms-max-item-count must be from 1 to %d", maxPage)
		}
	}
	return in, nil
}

// reply has the continuation header only if there is more: Node takes even an empty one for more.
func (p answerPage) reply() reply {
	if p.items == twinItems {
		docs := make([]twinDoc, len(p.views))
		for i := range p.views {
			docs[i] = p.views[i].doc()
		}
		return pageReply(docs, p.items, p.next)
	}
	rows := p.rows
	if rows == nil {
		rows = []map[string]any{} // an array, never null
	}
	return pageReply(rows, p.items, p.next)
}

func pageReply(items any, kind, next string) reply {
	header := map[string]string{"x-ms-item-type": kind}
	if next != "" {
		header["x-ms-continuation"] = next
	}
	return reply{body: items, header: header}
}
