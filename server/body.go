package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/twinbook/twinbook/internal/record"
)

// Bounds of request bodies, in bytes.
const (
	smallBody  = 16 << 10 // words about a run or a schedule
	callBody   = 256 << 10
	valuesBody = 1 << 20 // inputs, payloads: as much as an output of a step may have
	filesBody  = 2 << 20 // workflows, and JSON around them
)

// deepest is how deep JSON in a body may be nested; devices' payloads may be about as deep.
const deepest = 520

// read gives the body of a request whole: at most so many bytes, and in time.
func (c *call) read(most int64) ([]byte, error) {
	if c.Header.Get("Content-Encoding") != "" {
		c.w.Header().Set("Accept-Encoding", "identity") // RFC 9110, 15.5.16
		return nil, plain(http.StatusUnsupportedMediaType, "the body has a Content-Encoding; send it as it is")
	}
	c.deadline(time.Now().Add(c.patience))
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, plain(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", most))
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.w.Header().Set("Connection", "close")
		return nil, plain(http.StatusRequestTimeout, fmt.Sprintf("the body did not arrive within %s", c.patience))
	case err != nil:
		return nil, plain(http.StatusBadRequest, "the body could not be read to its end")
	}
	c.deadline(time.Time{})
	return body, nil
}

// deadline is how long to wait for more of the request; zero: as long as it takes. Where a connection has no
// deadlines there is nobody to wait for.
func (c *call) deadline(t time.Time) { http.NewResponseController(c.w).SetReadDeadline(t) }

// mediaType is what the request says its body is.
func (c *call) mediaType() string {
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

func isJSON(kind string) bool {
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// decode is body for routes whose URLs have no parameters.
func (c *call) decode(most int64, into any) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return c.body(most, into)
}

// body reads the body into a struct: one JSON object, whose members are all fields of the struct. Where nothing has to be
// said, the body may be empty.
func (c *call) body(most int64, into any) error {
	body, err := c.read(most)
	if err != nil {
		return err
	}
	switch kind := c.mediaType(); {
	case len(body) == 0 && (kind == "" || isJSON(kind)): // many clients name a type always
		body = []byte("{}")
	case !isJSON(kind):
		c.w.Header().Set("Accept", "application/json")
		return plain(http.StatusUnsupportedMediaType, "the body is to be JSON: send it with Content-Type: application/json")
	}
	return decodeStrict(body, into)
}

// decodeStrict is json.Unmarshal without its leniency: for unknown, doubled and differently written names, for what
// follows the document, and for text that is not UTF-8.
func decodeStrict(body []byte, into any) error {
	top, err := checkJSON(body)
	if err != nil {
		return err
	}
	if top == nil {
		return badJSON("it is no object")
	}
	known := members(reflect.TypeOf(into).Elem())
	var errors []FieldError
	for _, name := range top {
		if !slices.Contains(known, name) {
			errors = append(errors, FieldError{Pointer: pointer(name), Detail: fmt.Sprintf("there is no member %q here; those there are: %s", record.Clean(shortened(name)), strings.Join(known, ", "))})
		}
	}
	if len(errors) > 0 {
		return invalid(errors...)
	}
	return typed(json.Unmarshal(body, into))
}

// typed says in the words of JSON what does not fit a field.
func typed(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind) && strings.HasPrefix(kind.Value, "number "):
		return invalid(FieldError{Pointer: pointer(strings.Split(kind.Field, ".")...), Detail: "the number " + shortened(kind.Value[7:]) + " does not fit here"})
	case errors.As(err, &kind):
		return invalid(FieldError{Pointer: pointer(strings.Split(kind.Field, ".")...), Detail: fmt.Sprintf("expected %s, got %s", jsonKind(kind.Type), kind.Value)})
	}
	return invalid(FieldError{Pointer: "#", Detail: err.Error()})
}

func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	}
	return "a number"
}

// members are the names of a struct's fields in JSON.
func members(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return names
}

func badJSON(detail string) *Problem {
	return problem(http.StatusBadRequest, "invalid-json", "The body is no JSON that can be taken", "the body: "+detail)
}

// checkJSON holds a text against JSON: one document in UTF-8, not too deep, every member of an object once. top are the
// members of the document if that is an object.
func checkJSON(text []byte) (top []string, err error) {
	if !utf8.Valid(text) {
		return nil, badJSON("it is not UTF-8")
	}
	if !json.Valid(text) {
		return nil, badJSON(syntax(json.Unmarshal(text, new(any))))
	}
	s := shape{text: text}
	if err := s.walk(); err != nil {
		return nil, err
	}
	return s.top, nil
}

// A shape is walked over a text that is known to be JSON.
type shape struct {
	text   []byte
	levels []map[string]bool // the objects around the place, with their members by now; nil: an array
	top    []string          // members of the document; nil: it is no object
}

func (s *shape) walk() error {
	for i := 0; i < len(s.text); i++ {
		switch s.text[i] {
		case '{':
			if len(s.levels) == 0 {
				s.top = []string{}
			}
			s.levels = append(s.levels, map[string]bool{})
		case '[':
			s.levels = append(s.levels, nil)
		case '}', ']':
			s.levels = s.levels[:len(s.levels)-1]
		case '"':
			end := i + 1
			for ; s.text[end] != '"'; end++ {
				if s.text[end] == '\\' {
					end++
				}
			}
			if err := s.said(s.text[i:end+1], bytes.TrimLeft(s.text[end+1:], " \t\r\n")); err != nil {
				return err
			}
			i = end
		}
		if len(s.levels) > deepest {
			return badJSON(fmt.Sprintf("it is nested deeper than %d levels", deepest))
		}
	}
	return nil
}

// said takes a text of the document, which is a member's name if a colon follows.
func (s *shape) said(quoted, rest []byte) error {
	if !paired(quoted) {
		return badJSON("the text " + record.Clean(shortened(string(quoted))) + " has half of a character: \\ud800 to \\udfff stand in pairs")
	}
	if len(rest) == 0 || rest[0] != ':' {
		return nil
	}
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return badJSON(err.Error())
	}
	members := s.levels[len(s.levels)-1]
	if members[name] {
		return badJSON(fmt.Sprintf("the member %q stands there twice", record.Clean(shortened(name))))
	}
	members[name] = true
	if len(s.levels) == 1 {
		s.top = append(s.top, name)
	}
	return nil
}

// paired says whether all surrogates that a text has as escapes are halves of one character. Go would make another
// character of a lone one.
func paired(quoted []byte) bool {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		first := escaped(quoted[i:])
		switch {
		case !utf16.IsSurrogate(first):
			i++
		case utf16.DecodeRune(first, escaped(quoted[i+6:])) == utf8.RuneError:
			return false
		default:
			i += 11
		}
	}
	return true
}

// escaped is the character of the \u escape that a text begins with; -1: it begins with none.
func escaped(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// syntax says what is wrong with a text that is no JSON.
func syntax(err error) string {
	var wrong *json.SyntaxError
	switch {
	case !errors.As(err, &wrong):
		return record.Clean(fmt.Sprint(err))
	case wrong.Error() == "unexpected end of JSON input" && wrong.Offset == 0:
		return "it is empty"
	case wrong.Error() == "unexpected end of JSON input":
		return "it ends too early"
	}
	return fmt.Sprintf("at byte %d: %s", wrong.Offset, record.Clean(wrong.Error()))
}

// pointer is a JSON Pointer as a fragment (RFC 6901).
func pointer(names ...string) string {
	var b strings.Builder
	b.WriteByte('#')
	for _, name := range names {
		if name != "" {
			b.WriteByte('/')
			b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(shortened(name)))
		}
	}
	return b.String()
}

// shortened keeps what somebody sent from filling an answer.
func shortened(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
