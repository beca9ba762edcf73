package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

const (
	pageOfAudit  = 100
	mostAudit    = 1000
	auditCursors = "audit"
)

// An auditLine says who did what.
type auditLine struct {
	Seq    int64     `json:"seq"`
	Time   time.Time `json:"time"`
	Who    string    `json:"who"`
	Roles  []string  `json:"roles"`
	From   string    `json:"from,omitempty"`
	Action string    `json:"action"`
	Target string    `json:"target,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Result string    `json:"result"`
}

type auditPage struct {
	Entries []auditLine `json:"entries"`
	Next    string      `json:"next,omitempty"`
}

// listAudit answers with the audit trail, the latest first.
func (s *Server) listAudit(c *call) error {
	q, err := c.query("who", "target", "since", "limit", "cursor")
	if err != nil {
		return err
	}
	f, err := s.auditFilter(q)
	if err != nil {
		return err
	}
	limit := f.Limit
	f.Limit++
	entries, err := s.Journal.AuditTrail(c.Context(), f)
	if err != nil {
		return err
	}
	page := auditPage{Entries: []auditLine{}}
	for _, e := range entries[:min(len(entries), limit)] {
		page.Entries = append(page.Entries, auditLine{
			Seq: e.Seq, Time: e.Time, Who: e.Who, Roles: append([]string{}, e.Roles...), From: e.From,
			Action: e.Action, Target: e.Target, Detail: e.Detail, Result: e.Result,
		})
	}
	if len(entries) > limit {
		page.Next = cursor(auditCursors, strconv.FormatInt(entries[limit-1].Seq, 10))
		c.next(page.Next)
	}
	return c.json(http.StatusOK, page)
}

func (s *Server) auditFilter(q query) (f journal.AuditFilter, err error) {
	if f.Who, err = q.one("who"); err != nil {
		return f, err
	}
	if f.Target, err = q.one("target"); err != nil {
		return f, err
	}
	if f.Since, err = q.since(s.Clock.Now()); err != nil {
		return f, err
	}
	limit, err := q.number("limit", pageOfAudit, 1, mostAudit)
	if err != nil {
		return f, err
	}
	f.Limit = int(limit)
	before, err := q.cursor(auditCursors)
	if err != nil || before == "" {
		return f, err
	}
	if f.Before, err = strconv.ParseInt(before, 10, 64); err != nil || f.Before <= 0 {
		return f, badQuery("cursor", "it is none that this list has given")
	}
	return f, nil
}
