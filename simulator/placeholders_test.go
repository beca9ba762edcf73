package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Pages of testdata/conversations hold what nobody can know when they are written:
//
//	<name>         in what comes from the hub: some text, and from then on that same text
//	<*>            some text
//	"..."          in a JSON object from the hub: other members
//	<now+60>       a time, in seconds since 1970
//	<sig>          in a SAS token: the signature over sr and se as they stand there, with the device's primary
//	               key; <sig:secondary>, <sig:POLICY> and <sig:BASE64KEY> with another. <sig|lower> has the
//	               percent-escapes of its signature in lower case, <sig|plain> has none.
var placeholder = regexp.MustCompile(`<(\*|[a-z][a-zA-Z0-9]*)>`)

// matches says whether text from the hub is what a page has, and keeps what its names stood for.
func (p *player) matches(want, got string) bool {
	pattern, at := "^", 0
	var unknown []string
	for _, m := range placeholder.FindAllStringSubmatchIndex(want, -1) {
		pattern += regexp.QuoteMeta(want[at:m[0]])
		name := want[m[2]:m[3]]
		if known, ok := p.names[name]; ok {
			pattern += regexp.QuoteMeta(known)
		} else {
			pattern += "(.*)"
			unknown = append(unknown, name)
		}
		at = m[1]
	}
	found := regexp.MustCompile(`(?s)` + pattern + regexp.QuoteMeta(want[at:]) + "$").FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range unknown {
		if name != "*" {
			p.names[name] = found[i+1]
		}
	}
	return true
}

// fits says the same of a body: JSON whose members may come in any order.
func (p *player) fits(want, got string) bool {
	var a, b any
	open := strings.ReplaceAll(want, `"..."`, `"...":0`)
	if json.Unmarshal([]byte(open), &a) != nil || json.Unmarshal([]byte(got), &b) != nil {
		return p.matches(want, got)
	}
	return p.same(a, b)
}

func (p *player) same(want, got any) bool {
	switch want := want.(type) {
	case string:
		if want == "<*>" {
			return true
		}
		text, ok := got.(string)
		return ok && p.matches(want, text)
	case map[string]any:
		object, ok := got.(map[string]any)
		return ok && p.sameMembers(want, object)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i, item := range want {
			if !p.same(item, list[i]) {
				return false
			}
		}
		return true
	}
	return want == got
}

func (p *player) sameMembers(want, got map[string]any) bool {
	_, open := want["..."]
	for key := range got {
		if _, named := want[key]; !named && !open {
			return false
		}
	}
	for key, v := range want {
		member, has := got[key]
		if key != "..." && (!has || !p.same(v, member)) {
			return false
		}
	}
	return true
}

// fillIn puts in what names stood for, and times.
func (p *player) fillIn(text string) string {
	text = placeholder.ReplaceAllStringFunc(text, func(m string) string {
		if known, ok := p.names[m[1:len(m)-1]]; ok {
			return known
		}
		return m
	})
	return nowPlus.ReplaceAllStringFunc(text, func(m string) string {
		seconds, _ := strconv.Atoi(nowPlus.FindStringSubmatch(m)[1])
		return strconv.FormatInt(p.hub.clock.Now().Add(time.Duration(seconds)*time.Second).Unix(), 10)
	})
}

var (
	nowPlus   = regexp.MustCompile(`<now([+-]\d+)>`)
	signature = regexp.MustCompile(`<sig(:[^|>]+)?(\|lower|\|plain)?>`)
	tokenSR   = regexp.MustCompile(`\bsr=([^&" ]+)`)
	tokenSE   = regexp.MustCompile(`\bse=([^&" ]+)`)
)

// sign puts the signature into the SAS token that stands in text. It is made here once more, from the
// documentation: HMAC-SHA256 with the key over sr, a line feed and se.
func (p *player) sign(device, text string) string {
	return signature.ReplaceAllStringFunc(text, func(m string) string {
		parts := signature.FindStringSubmatch(m)
		sr, se := tokenSR.FindStringSubmatch(text), tokenSE.FindStringSubmatch(text)
		if sr == nil || se == nil {
			p.Fatalf("%s: no sr and se to sign", p.at)
		}
		mac := hmac.New(sha256.New, p.key(device, strings.TrimPrefix(parts[1], ":")))
		fmt.Fprintf(mac, "%s\n%s", sr[1], se[1])
		sig := base64.StdEncoding.EncodeToString(mac.Sum(nil))
		switch parts[2] {
		case "|plain":
			return sig
		case "|lower":
			return strings.NewReplacer("%2B", "%2b", "%2F", "%2f", "%3D", "%3d").Replace(url.QueryEscape(sig))
		}
		return url.QueryEscape(sig)
	})
}

func (p *player) key(device, name string) []byte {
	if name == "" || name == "secondary" {
		primary, secondary := p.hub.deviceKeys(p.hub.devices.get(device))
		if name == "" {
			return primary
		}
		return secondary
	}
	if cs, err := p.hub.ConnectionString(name); err == nil {
		return cs.Key
	}
	key, err := base64.StdEncoding.DecodeString(name)
	if err != nil {
		p.Fatalf("%s: whose key is %s?", p.at, name)
	}
	return key
}
