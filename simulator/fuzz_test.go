package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// FuzzConnection says anything at all to the hub, as a device that was let in or as a stranger. The hub ends the
// connection or bears with it; what it says itself is MQTT, and another device notices nothing.
func FuzzConnection(f *testing.F) {
	h := newHub(f, Config{HostName: "hub.example", Seed: "fuzz"})
	for _, body := range conversationPackets(f) {
		f.Add(true, body)
	}
	f.Add(true, []byte("\x30\xff\xff\xff\x7f"))
	f.Add(false, []byte(connectBytes("dev-1", "hub.example/dev-1/?api-version=2021-04-12", deviceToken(f, h, "dev-1", 1e6*time.Hour))+publishBytes("a/b", "x")))
	f.Add(false, []byte(connectBytes("dev-1/m", "hub.example/dev-1/m", "SharedAccessSignature sr=hub.example&sig=x&se=9")))
	f.Fuzz(func(t *testing.T, letIn bool, said []byte) {
		h := newHub(t, Config{HostName: "hub.example", Seed: "fuzz"})
		hello := ""
		if letIn {
			hello = connectBytes("dev-1", "hub.example/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour))
		}
		ours, theirs := net.Pipe()
		ended, heard := make(chan error, 1), make(chan []byte, 1)
		go func() { ended <- h.Attach(context.Background(), ours) }()
		go func() { b, _ := io.ReadAll(theirs); heard <- b }()
		io.WriteString(theirs, hello)
		theirs.Write(said) // fails when the hub has had enough
		theirs.Close()
		within(t, "Attach to end", ended)
		checkPackets(t, <-heard)
		if d := h.devices.get("dev-1"); d.view().connected {
			t.Error("the hub holds the device for connected")
		}
		if v := h.devices.get("dev-2").view(); v.connected || v.twin.version != 2 {
			t.Errorf("another device's view is %+v", v)
		}
	})
}

// conversationPackets are what devices say in each conversation after their first CONNECT.
func conversationPackets(f *testing.F) (all [][]byte) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var said []byte
		for _, m := range regexp.MustCompile(`(?m)^> (.*)$`).FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(m[1], "CONNECT") || m[1] == "GONE" {
				continue
			}
			b, err := packetBytes(placeholder.ReplaceAllString(m[1], "1"))
			if err != nil {
				f.Fatal(err)
			}
			said = append(said, b...)
		}
		all = append(all, said)
	}
	return all
}

// checkPackets wants whole packets, but for the last, which the connection's end may have cut.
func checkPackets(t *testing.T, heard []byte) {
	for r := bytes.NewReader(heard); r.Len() > 0; {
		before := r.Len()
		p, err := packets.ReadPacket(r)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return
		}
		if err != nil || strings.HasPrefix(textOf(p), "*") {
			t.Fatalf("the hub said % x: %v, %v", heard[len(heard)-before:], p, err)
		}
	}
}

// FuzzREST calls any path with any headers and any body, as a service that may do everything. Each answer is a
// success or an error in a form that SDKs read.
func FuzzREST(f *testing.F) {
	for _, r := range conversationRequests(f) {
		f.Add(r.method, r.target, r.header, r.body)
	}
	for _, r := range routes {
		f.Add(r.method, "/"+strings.ReplaceAll(r.path, "*", "dev-1")+"?api-version=2021-04-12", `If-Match: "*"`, []byte(`{}`))
	}
	f.Add("GET", "/twins/%2e%2e/?api-version=2021-04-12&wait=1e9&since=x&after=%00", "x-ms-continuation: \x00", []byte("["))
	f.Fuzz(func(t *testing.T, method, target, header string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !httpToken.MatchString(method) {
			return // a server does not let it through to the handler
		}
		h := newHub(t, Config{HostName: "hub.example", Seed: "fuzz"})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // some calls wait as long as they are told
		defer cancel()
		r := (&http.Request{Method: method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "hub.example", Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}}).WithContext(ctx)
		for line := range strings.SplitSeq(header, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		r.Header.Set("Authorization", policyToken(t, h, "iothubowner", "hub.example"))
		answered := make(chan *httptest.ResponseRecorder, 1)
		go func() {
			w := httptest.NewRecorder()
			h.Handler().ServeHTTP(w, r)
			answered <- w
		}()
		checkAnswer(t, within(t, method+" "+target, answered))
	})
}

var httpToken = regexp.MustCompile(`^[!#$%&'*+.^_|~0-9A-Za-z-]+$`)

type fuzzRequest struct {
	method, target, header string
	body                   []byte
}

// conversationRequests are the requests of the conversations over REST.
func conversationRequests(f *testing.F) (all []fuzzRequest) {
	files, err := filepath.Glob("testdata/conversations/rest/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, page := range strings.Split(string(text), "\n\n") {
			var lines []string
			for _, m := range regexp.MustCompile(`(?m)^> ?(.*)$`).FindAllStringSubmatch(page, -1) {
				lines = append(lines, m[1])
			}
			head, body, _ := strings.Cut(strings.Join(lines, "\n"), "\n\n")
			first, header, _ := strings.Cut(head, "\n")
			if parts := strings.Split(first, " "); len(parts) == 3 {
				all = append(all, fuzzRequest{parts[0], parts[1], header, []byte(body)})
			}
		}
	}
	return all
}

// checkAnswer says whether an SDK could read an answer.
func checkAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	body := w.Body.Bytes()
	switch {
	case w.Code == http.StatusNoContent && len(body) == 0:
		return
	case w.Header().Get("Content-Type") != "application/json; charset=utf-8" && len(body) > 0 && w.Header().Get("Content-Type") != "application/x-ndjson":
		t.Errorf("%d: content type %q for %.200q", w.Code, w.Header().Get("Content-Type"), body)
	case len(body) > 4<<20:
		t.Errorf("%d: an answer of %d bytes", w.Code, len(body))
	case w.Code == http.StatusOK:
		return
	}
	var bulk struct{ Errors []any }
	if w.Code == http.StatusBadRequest && json.Unmarshal(body, &bulk) == nil && len(bulk.Errors) > 0 {
		return
	}
	var told errorBody
	if err := json.Unmarshal(body, &told); err != nil || !utf8.Valid(body) {
		t.Fatalf("%d: %v in %.200q", w.Code, err, body)
	}
	name := w.Header().Get("iothub-errorcode")
	outer := regexp.MustCompile(`^ErrorCode:` + regexp.QuoteMeta(name) + `;[^;]+$`).MatchString(told.Message)
	var inner methodError
	inside := json.Unmarshal([]byte(told.Message), &inner) == nil && inner.Code != 0 && inner.Message != ""
	if name == "" || outer == inside || w.Code < 400 || w.Code > 599 {
		t.Errorf("%d %q: %q", w.Code, name, told.Message)
	}
}

// FuzzMerge holds the twin's merge against RFC 7396, written down once more.
func FuzzMerge(f *testing.F) {
	for _, pair := range [][2]string{
		{`{"a":"b"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`}, {`{"a":"b"}`, `{"a":null}`}, {`{"a":"b","b":"c"}`, `{"a":null}`},
		{`{"a":["b"]}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`}, {`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`},
		{`{"e":1}`, `{"a":1}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`}, {`{"a":1}`, `{"a":{"b":null,"c":2}}`}, {`{"a":{"b":1}}`, `{"a":null,"$version":7,"$metadata":{}}`},
		{`{"a":{"a":1},"a":{"b":2}}`, `{"\u0061":3}`},
	} {
		f.Add([]byte(pair[0]), []byte(pair[1]))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		tw := newTwin(day1)
		want := map[string]any{}
		for _, patch := range [][]byte{first, second} {
			before := encodeJSON(tw.desired.root.plain())
			w, err := parseWrite([]byte(`{"properties":{"desired":`+string(patch)+`}}`), false, "")
			if err == nil {
				_, err = tw.apply(w, day2)
			}
			if err != nil {
				asFault(err)
				if got := encodeJSON(tw.desired.root.plain()); !bytes.Equal(got, before) {
					t.Errorf("%q was refused (%v), and made %s of %s", patch, err, got, before)
				}
				continue
			}
			var whole struct{ Properties struct{ Desired any } } // the text may close the object it was put into
			if json.Unmarshal([]byte(`{"properties":{"desired":`+string(patch)+`}}`), &whole) != nil {
				t.Fatalf("%q was accepted", patch)
			}
			want = mergePatch(want, whole.Properties.Desired)
			got := map[string]any{}
			if err := json.Unmarshal(encodeJSON(tw.desired.root.plain()), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%q made %v, RFC 7396 makes %v (%v)", patch, got, want, err)
			}
			if depth, size := measure(got); depth > maxLevels+1 || size > maxProperties {
				t.Errorf("%q: %d levels, %d bytes", patch, depth, size)
			}
		}
	})
}

// mergePatch is RFC 7396 for a section: null clears it, and what is the hub's own in it is left out.
func mergePatch(target map[string]any, patch any) map[string]any {
	p, _ := patch.(map[string]any)
	if p == nil {
		return map[string]any{}
	}
	p = maps.Clone(p)
	delete(p, "$version")
	delete(p, "$metadata")
	return rfc7396(target, p).(map[string]any)
}

func rfc7396(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	t = maps.Clone(t)
	for name, value := range p {
		if value == nil {
			delete(t, name)
		} else {
			t[name] = rfc7396(t[name], value)
		}
	}
	return t
}

// measure counts levels, and no more bytes than the hub does.
func measure(v any) (depth, size int) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			d, s := measure(member)
			depth, size = max(depth, d), size+s+visible(key)
		}
		return depth + 1, size
	case []any:
		for _, item := range v {
			d, s := measure(item)
			depth, size = max(depth, d), size+s
		}
		return depth + 1, size
	case string:
		return 0, visible(v)
	case float64:
		return 0, 8
	case bool:
		return 0, 4
	}
	return 0, 0
}

// visible is the length of a text without control characters.
func visible(s string) int {
	return len(regexp.MustCompile(`\p{Cc}`).ReplaceAllString(s, ""))
}
