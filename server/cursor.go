package server

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// A cursor says where the next page of a list begins. Clients give back what they were given; what is in it
// is nobody's business, so it is written in base64. kind keeps one list's cursors from being taken for another's.
func cursor(kind, place string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + place))
}

// longestCursor bounds what is looked at: a hub's continuation is the longest place there is.
const longestCursor = 8 << 10

// cursor is the place that the parameter of that name stands for; empty: the beginning.
func (q query) cursor(kind string) (string, error) {
	text, err := q.one("cursor")
	if err != nil || text == "" && !q.values.Has("cursor") {
		return "", err
	}
	if len(text) <= longestCursor {
		plain, err := base64.RawURLEncoding.Strict().DecodeString(text)
		place, ours := strings.CutPrefix(string(plain), kind+":")
		if err == nil && ours && place != "" {
			return place, nil
		}
	}
	return "", badQuery("cursor", "it is none that this list has given")
}

// next tells programs that follow links (RFC 8288) where the next page is.
func (c *call) next(cursor string) {
	u := *c.URL
	values := u.Query()
	values.Set("cursor", cursor)
	u.RawQuery = values.Encode()
	c.w.Header().Set("Link", "<"+u.RequestURI()+`>; rel="next"`)
}

// gone is about a cursor that was good once.
func gone() *Problem {
	return problem(http.StatusGone, "cursor-gone", "The list has changed", "what the page before ended with is not there any more; begin at the first page")
}
