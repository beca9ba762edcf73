package simulator

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// A REST conversation is a page of testdata/conversations/rest: what a service's SDK sends over one
// connection to a hub called hub.example that has the devices dev-1 and dev-2, and what it gets.
//
//	# …                 for readers
//	online DEVICE       the device connects, and answers each method with status 200 and the payload it got
//	> POST /path …      a request, line by line; ">" alone stands before its body, whose length (or chunk) is added
//	< 200               the status of the answer
//	< ETag: "…"         a header that it must have
//	< x-ms-…: (none)    one that it must not have
//	< {…}               its body; (empty) for none
//
// Names and signatures are those of placeholders_test.go.
func TestRESTConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/rest/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			playREST(t, file)
		})
	}
}

func playREST(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := newRESTPlayer(t)
	for i, line := range strings.Split(string(text), "\n") {
		at := fmt.Sprintf("%s:%d: %s", filepath.Base(file), i+1, line)
		switch mark, rest, _ := strings.Cut(line, " "); mark {
		case "", "#":
		case "online":
			p.online(rest)
		case ">":
			if p.answer != nil {
				p.finish()
			}
			p.request = append(p.request, rest)
		case "<":
			if p.answer == nil {
				p.at = at
				p.send()
			}
			p.at = at
			p.check(rest)
		default:
			t.Fatalf("%s: what is this?", at)
		}
	}
	p.finish()
}

// A restPlayer is a service with one connection.
type restPlayer struct {
	player
	conn    net.Conn
	in      *bufio.Reader
	request []string       // the lines of the request that is being read
	answer  *http.Response // nil until it was sent
	body    string
	checked bool // the page said something about the body
}

func newRESTPlayer(t *testing.T) *restPlayer {
	h := newHub(t, Config{HostName: "hub.example"})
	server := httptest.NewServer(h.Handler())
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &restPlayer{player: *newPlayer(t, h), conn: conn, in: bufio.NewReader(conn)}
}

// online connects a device that echoes.
func (p *restPlayer) online(id string) {
	f := newFake(p).answering(200)
	f.dial(p.hub.AttachDevice, wire.Options{Identity: wire.Identity{Device: id}})
	f.subscribe(wire.MethodFeed)
}

func (p *restPlayer) send() {
	head, body, hasBody := strings.Cut(strings.Join(p.request, "\r\n"), "\r\n\r\n")
	head = p.signHeader(p.fillIn(head))
	switch body = p.fillIn(body); {
	case strings.Contains(head, "\r\nTransfer-Encoding: chunked"):
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	case hasBody:
		head += "\r\nContent-Length: " + strconv.Itoa(len(body))
	}
	if _, err := io.WriteString(p.conn, head+"\r\n\r\n"+body); err != nil {
		p.Fatalf("%s: %v", p.at, err)
	}
	method, _, _ := strings.Cut(head, " ")
	answer, err := http.ReadResponse(p.in, &http.Request{Method: method})
	if err != nil {
		p.Fatalf("%s: %v", p.at, err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.Fatalf("%s: %v", p.at, err)
	}
	p.answer, p.body, p.checked = answer, string(text), false
}

// signHeader signs the token of the request, which has no device.
func (p *restPlayer) signHeader(head string) string {
	lines := strings.Split(head, "\r\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "Authorization: ") {
			lines[i] = p.sign("", line)
		}
	}
	return strings.Join(lines, "\r\n")
}

var headerLine = regexp.MustCompile(`^([A-Za-z-]+): (.*)$`)

func (p *restPlayer) check(want string) {
	if status, err := strconv.Atoi(want); err == nil {
		if p.answer.StatusCode != status {
			p.Fatalf("%s: answered %d %s", p.at, p.answer.StatusCode, p.body)
		}
		return
	}
	if m := headerLine.FindStringSubmatch(want); m != nil {
		got, has := p.answer.Header[http.CanonicalHeaderKey(m[1])]
		if m[2] == "(none)" && has || m[2] != "(none)" && (len(got) != 1 || !p.matches(m[2], got[0])) {
			p.Errorf("%s: the header is %q", p.at, got)
		}
		return
	}
	p.checked = true
	if want == "(empty)" && p.body != "" || want != "(empty)" && !p.fits(want, p.body) {
		p.Errorf("%s: the body is %s", p.at, p.body)
	}
}

// finish ends an exchange. Every answer with a body says that it is JSON: Node's SDK reads no other.
func (p *restPlayer) finish() {
	if p.answer == nil {
		return
	}
	if kind := p.answer.Header.Get("Content-Type"); p.body != "" && kind != "application/json; charset=utf-8" {
		p.Errorf("%s: the content type is %q", p.at, kind)
	}
	if !p.checked {
		p.Errorf("%s: the page does not say what the body is", p.at)
	}
	p.answer, p.request = nil, nil
}
