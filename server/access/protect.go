package access

import (
	"net/http"
	"net/url"
	"strings"
)

// Protect lets through what Shield lets through, of senders who are known, with their Identity in the context; the
// answer to all else is written here.
func (g *Gate) Protect(next http.Handler) http.Handler {
	return g.Shield(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := g.Identify(r)
		if err != nil {
			g.Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(with(r.Context(), id)))
	}))
}

// Shield refuses what a foreign page made a browser send, and tokens in URLs. It is for all that the server answers; where nobody has
// to say who they are (webhooks sign what they send, health needs nothing), it stands alone.
func (g *Gate) Shield(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := checkURL(r.URL)
		if f == nil {
			f = checkOrigin(r)
		}
		if f != nil {
			g.Refuse(w, r, f)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses what may change something and comes from another origin.
var sameOrigin = http.NewCrossOriginProtection()

// checkOrigin refuses requests that come from pages which are not ours. Those that only read are refused, too: no page but ours may see an
// answer, and one that asks a thousand times is a load. A link that somebody follows to us is none of them.
func checkOrigin(r *http.Request) *Refusal {
	foreign := sameOrigin.Check(r) != nil
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin", "none":
	case "":
		foreign = foreign || foreignOrigin(r)
	default:
		followed := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
		foreign = foreign || !followed
	}
	if foreign {
		return refuse(http.StatusForbidden, "the request comes from a page of another site, and no other site may use this server by a visitor's browser")
	}
	return nil
}

// foreignOrigin is for browsers that do not send Sec-Fetch-Site.
func foreignOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}

// checkURL refuses tokens in a URL, which stands in logs, histories and Referer headers.
func checkURL(u *url.URL) *Refusal {
	pairs := strings.FieldsFunc(u.RawQuery, func(c rune) bool { return c == '&' || c == ';' })
	for _, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		switch strings.ToLower(name) {
		case "token", "access_token", "id_token":
			return refuse(http.StatusBadRequest, "a token does not belong into the URL, which is kept in logs: send the header Authorization: Bearer TOKEN, and replace this token, which others may have read by now")
		}
	}
	return nil
}
