package server

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinbook/twinbook/internal/record"
	"github.com/twinbook/twinbook/server/access"
)

// A call is a request that is being answered.
type call struct {
	*http.Request
	w   http.ResponseWriter
	who access.Identity
	by  string // who, in words; empty: a stranger

	patience time.Duration // how long to wait for the client to send a body, or to take an answer

	// For the audit trail: what was done to whom. The target is what the path names unless the handler knows better.
	target, detail string
}

// json answers with a value.
func (c *call) json(status int, value any) error {
	body, err := record.Bytes(value)
	if err != nil {
		return err
	}
	return c.bytes(status, "application/json", body)
}

// bytes answers with a body that is ready. With an ETag that the client has already, it is left out.
func (c *call) bytes(status int, kind string, body []byte) error {
	h := c.w.Header()
	if status == http.StatusOK && c.unchanged(h.Get("ETag")) {
		c.toTake()
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.toTake()
	c.w.WriteHeader(status)
	if c.Method != http.MethodHead {
		c.w.Write(body) // a client that has gone is nobody's error
	}
	return nil
}

// toTake gives the client its time to take what is written from now on.
func (c *call) toTake() { http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(c.patience)) }

// unchanged says whether the client has what an ETag stands for.
func (c *call) unchanged(tag string) bool {
	if tag == "" || c.Method != http.MethodGet && c.Method != http.MethodHead {
		return false
	}
	return slices.ContainsFunc(tags(c.Header.Get("If-None-Match")), func(known string) bool {
		return known == "*" || strings.TrimPrefix(known, "W/") == strings.TrimPrefix(tag, "W/")
	})
}

// tags are those of If-Match and If-None-Match.
func tags(header string) []string {
	list := strings.Split(header, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// wants says whether the client asks for a media type by name.
func (c *call) wants(kind string) bool {
	for _, header := range c.Header.Values("Accept") {
		for part := range strings.SplitSeq(header, ",") {
			name, parameters, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), kind) && !strings.Contains(strings.ReplaceAll(parameters, " ", "")+";", "q=0;") {
				return true
			}
		}
	}
	return false
}

// A query is what follows the path, of parameters that the route knows.
type query struct{ values url.Values }

// query reads the parameters. One that nobody knows is an error, since who sends it expects something of it.
func (c *call) query(known ...string) (query, error) {
	values, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return query{}, plain(http.StatusBadRequest, "the query of the URL is not well-formed")
	}
	var errors []FieldError
	for name := range values {
		if !slices.Contains(known, name) {
			errors = append(errors, FieldError{Parameter: shortened(name), Detail: "there is no such parameter here" + orKnown(known)})
		}
	}
	if len(errors) == 0 {
		return query{values}, nil
	}
	slices.SortFunc(errors, func(a, b FieldError) int { return strings.Compare(a.Parameter, b.Parameter) })
	p := badQuery(record.Clean(errors[0].Parameter), errors[0].Detail)
	p.Errors = errors
	return query{}, p
}

func orKnown(known []string) string {
	if len(known) == 0 {
		return ""
	}
	return "; those there are: " + strings.Join(known, ", ")
}

// one is the value of a parameter that may stand there once; empty: it does not.
func (q query) one(name string) (string, error) {
	switch values := q.values[name]; len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", badQuery(name, "it stands there more than once")
}

// since is the parameter of that name: from when on, seen from now; zero if there is none.
func (q query) since(now time.Time) (time.Time, error) {
	text, err := q.one("since")
	if err != nil || text == "" {
		return time.Time{}, err
	}
	at, err := record.PointInTime(text, now.UTC())
	if err != nil {
		return time.Time{}, badQuery("since", err.Error())
	}
	return at, nil
}

// number is a whole number within bounds.
func (q query) number(name string, otherwise, least, most int64) (int64, error) {
	text, err := q.one(name)
	if err != nil || text == "" && !q.values.Has(name) {
		return otherwise, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, badQuery(name, "it is a whole number from "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10))
	}
	return n, nil
}

// flag is a parameter that is true or false.
func (q query) flag(name string) (bool, error) {
	switch text, err := q.one(name); {
	case err != nil:
		return false, err
	case text == "true":
		return true, nil
	case text == "false" || text == "" && !q.values.Has(name):
		return false, nil
	}
	return false, badQuery(name, "it is true or false")
}
