package simulator

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// A conversation is a page of testdata/conversations, played line by line against a hub called hub.example that
// has the devices dev-1 and dev-2:
//
//	# …              for readers
//	> PACKET         a device sends, see packettext_test.go; 2> is another connection, a CONNECT opens it
//	< PACKET         and hears. Lines with <~ come in any order.
//	< END            the hub has ended the connection
//	> GONE           the device's connection breaks
//	$ POST PATH BODY a service calls the REST API, as iothubowner
//	= 200 BODY       and is answered
//
// What <name> and <sig> stand for is in placeholders_test.go.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			playConversation(t, file)
		})
	}
}

func playConversation(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlayer(t, newHub(t, Config{HostName: "hub.example"}))
	for i, line := range strings.Split(string(text), "\n") {
		p.at = fmt.Sprintf("%s:%d: %s", filepath.Base(file), i+1, line)
		p.play(line)
	}
	p.at = filepath.Base(file) + ": at the end"
	p.hearAll()
	for _, c := range p.talks {
		p.expectEnd(c, false)
	}
	if len(p.answers) > 0 {
		t.Errorf("%s: a service's call has no line with its answer", p.at)
	}
}

// A player is what stands around a hub while a page is played.
type player struct {
	testing.TB
	hub     *Hub
	at      string // the line
	names   map[string]string
	talks   map[string]*partner
	answers []chan httpAnswer // of the service's calls, oldest first

	unordered []struct{ who, what string } // lines with <~, still to be heard
}

// A partner is a device's end of one connection.
type partner struct {
	conn  net.Conn
	in    *bufio.Reader
	ended chan error
}

func newPlayer(t testing.TB, h *Hub) *player {
	return &player{TB: t, hub: h, names: map[string]string{}, talks: map[string]*partner{}}
}

var scriptLine = regexp.MustCompile(`^(\d*)(>|<~?|\$|=|#) ?(.*)$`)

func (p *player) play(line string) {
	if line == "" {
		return
	}
	m := scriptLine.FindStringSubmatch(line)
	if m == nil {
		p.Fatalf("%s: what is this?", p.at)
	}
	who, what := m[1], m[3]
	if m[2] != "<~" {
		p.hearAll()
	}
	switch m[2] {
	case ">":
		p.say(who, what)
	case "<":
		p.hear(who, what)
	case "<~":
		p.unordered = append(p.unordered, struct{ who, what string }{who, what})
	case "$":
		p.call(what)
	case "=":
		p.answered(what)
	}
}

func (p *player) say(who, what string) {
	c := p.talks[who]
	if what == "GONE" {
		c.conn.Close()
		p.expectEnd(c, true)
		delete(p.talks, who)
		return
	}
	what = p.fillIn(what)
	if c == nil {
		c = p.open()
		p.talks[who] = c
	}
	if m := regexp.MustCompile(`^CONNECT client=(\S+)`).FindStringSubmatch(what); m != nil {
		what = p.sign(m[1], what)
	}
	b, err := packetBytes(what)
	if err != nil {
		p.Fatalf("%s: %v", p.at, err)
	}
	if _, err := c.conn.Write(b); err != nil {
		p.Fatalf("%s: %v", p.at, err)
	}
}

func (p *player) open() *partner {
	ours, theirs := net.Pipe()
	theirs.SetDeadline(time.Now().Add(patience))
	c := &partner{conn: theirs, in: bufio.NewReader(theirs), ended: make(chan error, 1)}
	go func() { c.ended <- p.hub.Attach(context.Background(), ours) }()
	p.Cleanup(func() { theirs.Close() })
	return c
}

func (p *player) hear(who, what string) {
	c := p.talks[who]
	if c == nil {
		p.Fatalf("%s: there is no such connection", p.at)
	}
	if what == "END" {
		p.expectEnd(c, true)
		delete(p.talks, who)
		return
	}
	if raw, ok := strings.CutPrefix(what, "RAW "); ok {
		want, _ := hexBytes(raw)
		got := make([]byte, len(want))
		if n, err := io.ReadFull(c.in, got); err != nil || !bytes.Equal(got, want) {
			p.Fatalf("%s: heard % x, %v", p.at, got[:n], err)
		}
		return
	}
	if got := p.listen(c); !p.hears(what, got) {
		p.Fatalf("%s: heard %s", p.at, got)
	}
}

// hearAll takes as many packets as there were lines with <~, in whatever order they come.
func (p *player) hearAll() {
	var heard []string
	for _, w := range p.unordered {
		heard = append(heard, p.listen(p.talks[w.who]))
	}
	for _, w := range p.unordered {
		i := slices.IndexFunc(heard, func(got string) bool { return p.hears(w.what, got) })
		if i < 0 {
			p.Fatalf("%s: before it, heard %q, and not %s", p.at, heard, w.what)
		}
		heard = slices.Delete(heard, i, i+1)
	}
	p.unordered = nil
}

// hears compares packets; a JSON object in one may have its members in any order.
func (p *player) hears(want, got string) bool {
	head, object, _ := strings.Cut(want, " {")
	gotHead, gotObject, _ := strings.Cut(got, " {")
	return p.matches(head, gotHead) && (object == gotObject || p.fits("{"+object, "{"+gotObject))
}

// listen reads a packet.
func (p *player) listen(c *partner) string {
	packet, err := packets.ReadPacket(c.in)
	if err != nil {
		p.Fatalf("%s: heard nothing more: %v", p.at, err)
	}
	return textOf(packet)
}

// expectEnd waits until the hub is done with a connection, and wants no word more.
func (p *player) expectEnd(c *partner, wanted bool) {
	if !wanted {
		c.conn.Close()
	} else if rest, err := io.ReadAll(c.in); len(rest) > 0 {
		p.Errorf("%s: heard % x, %v", p.at, rest, err)
	}
	within(p, p.at, c.ended)
}

// call asks in the background, since a method may wait for a line further down.
func (p *player) call(what string) {
	method, rest, _ := strings.Cut(p.fillIn(what), " ")
	path, body, _ := strings.Cut(rest, " ")
	if !strings.Contains(path, "api-version") && !strings.HasPrefix(path, "/twinbook/") {
		path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "api-version=2021-04-12"
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", policyToken(p, p.hub, "iothubowner", p.hub.config.HostName))
	done := make(chan httpAnswer, 1)
	p.answers = append(p.answers, done)
	go func() {
		w := httptest.NewRecorder()
		p.hub.Handler().ServeHTTP(w, r)
		done <- httpAnswer{w.Code, w.Header(), w.Body.String()}
	}()
}

func (p *player) answered(what string) {
	if len(p.answers) == 0 {
		p.Fatalf("%s: nobody asked", p.at)
	}
	got := within(p, p.at, p.answers[0])
	p.answers = p.answers[1:]
	status, body, _ := strings.Cut(what, " ")
	if strconv.Itoa(got.status) != status || !p.fits(body, got.body) {
		p.Fatalf("%s: answered %d %s", p.at, got.status, got.body)
	}
}
