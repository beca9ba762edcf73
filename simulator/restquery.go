package simulator

import (
	"encoding/json"
	"strconv"
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
	if err := json.Unmarshal(body, &b); err != nil {
		return reply{}, argumentInvalid.fault("The request body is not a query: %s", printable(err.Error()))
	}
	in := inquiry{text: b.Query, continuation: r.Header.Get("x-ms-continuation")}
	if size := r.Header.Get("x-ms-max-item-count"); size != "" {
		if in.pageSize, err = strconv.Atoi(size); err != nil || in.pageSize < 1 {
			return reply{}, argumentInvalid.fault("The header x-ms-max-item-count must be from 1 to %d", maxPage)
		}
	}
	page, err := r.hub.ask(in)
	if err != nil {
		return reply{}, err
	}
	return page.reply(), nil
}

// reply has the continuation header only if there is more: Node takes even an empty one for more.
func (p answerPage) reply() reply {
	header := map[string]string{"x-ms-item-type": "Raw"}
	if p.next != "" {
		header["x-ms-continuation"] = p.next
	}
	if !p.star {
		rows := p.rows
		if rows == nil {
			rows = []map[string]any{} // an array, never null
		}
		return reply{body: rows, header: header}
	}
	header["x-ms-item-type"] = "Twin"
	docs := make([]twinDoc, len(p.views))
	for i, v := range p.views {
		docs[i] = v.doc()
	}
	return reply{body: docs, header: header}
}
