package journal

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine"
)

// appendEvent adds an event as json.Marshal has it, but for its number. Every append passes here, and
// json.Marshal would take half of the time that an append has.
func appendEvent(b []byte, e *engine.Event) ([]byte, error) {
	if year := e.Time.Year(); year < 0 || year > 9999 {
		return nil, fmt.Errorf("its time has the year %d", year)
	}
	b = append(b, `{"time":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	for _, text := range []struct{ name, value string }{
		{`,"kind":`, string(e.Kind)}, {`,"at":`, string(e.At)}, {`,"device":`, e.Device}, {`,"reason":`, e.Reason}, {`,"by":`, e.By},
	} {
		if text.value != "" {
			b = appendString(append(b, text.name...), text.value)
		}
	}
	if e.Request != 0 {
		b = strconv.AppendInt(append(b, `,"request":`...), e.Request, 10)
	}
	if e.Kept {
		b = append(b, `,"kept":true`...)
	}
	return appendParts(b, e)
}

// appendParts adds what only some events have, and ends the event.
func appendParts(b []byte, e *engine.Event) (_ []byte, err error) {
	if len(e.Params) > 0 {
		b, err = appendObject(append(b, `,"params":`...), e.Params)
	}
	if err == nil && e.Value != nil {
		b, err = appendValue(append(b, `,"value":`...), e.Value)
	}
	if err == nil && e.Start != nil {
		b, err = appendOther(append(b, `,"start":`...), e.Start)
	}
	if err == nil && e.Signal != nil {
		b, err = appendOther(append(b, `,"signal":`...), e.Signal)
	}
	if err == nil && e.Error != nil {
		b, err = appendOther(append(b, `,"error":`...), e.Error)
	}
	if err == nil && e.End != nil {
		b, err = appendOther(append(b, `,"end":`...), e.End)
	}
	return append(b, '}'), err
}

// appendValue adds plain JSON values, as values in a run are.
func appendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendString(b, v), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("%v is no number that JSON has", v)
		}
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	case []any:
		return appendList(b, v)
	case map[string]any:
		return appendObject(b, v)
	}
	return appendOther(b, value)
}

func appendList(b []byte, list []any) (_ []byte, err error) {
	if list == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendObject(b []byte, object map[string]any) (_ []byte, err error) {
	if object == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '{')
	first := true
	for name, v := range object {
		if !first {
			b = append(b, ',')
		}
		first = false
		if b, err = appendValue(append(appendString(b, name), ':'), v); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendOther(b []byte, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	return append(b, text...), err
}

// appendString adds a text in quotes. What is no UTF-8 becomes U+FFFD, as json.Marshal has it.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + size
			}
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		if c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
