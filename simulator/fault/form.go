package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxSource is the longest text of a fault that is read, in bytes.
const maxSource = 4 << 10

// Parse reads the text form: keys and values with = between them, blanks between the pairs. A key alone is true. The
// fault is valid if err is nil; else err is a *Mistake.
func Parse(source string) (Fault, error) {
	var f Fault
	if len(source) > maxSource {
		return f, mistake("", "a fault has at most %d characters", maxSource)
	}
	seen := map[string]bool{}
	for _, pair := range strings.Fields(source) {
		key, value, given := strings.Cut(pair, "=")
		if k := keyNamed(key); !given && k != nil {
			if k.Form != Yes {
				return f, mistake(key, "write its value after it: %s=…", key)
			}
			value = "true"
		}
		if seen[key] {
			return f, mistake(key, "it is given twice")
		}
		seen[key] = true
		if err := f.Set(key, value); err != nil {
			return f, err
		}
	}
	return f, f.Validate()
}

// String is the text form.
func (f Fault) String() string {
	var pairs []string
	for _, k := range keys {
		text := k.at(&f).text()
		switch {
		case text == "":
		case k.Form == Yes:
			pairs = append(pairs, k.Name)
		default:
			pairs = append(pairs, k.Name+"="+text)
		}
	}
	return strings.Join(pairs, " ")
}

// MarshalJSON writes the keys that are set, in their order; durations and shares are texts.
func (f Fault) MarshalJSON() ([]byte, error) {
	b := bytes.NewBufferString("{")
	for _, k := range keys {
		text := k.at(&f).text()
		if text == "" {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + k.Name + `":`)
		value, err := json.Marshal(k.Form.plain(text))
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plain is a value's text as JSON has it.
func (f Form) plain(text string) any {
	switch f {
	case Count, Number, Yes:
		return json.RawMessage(text)
	case Wordlist:
		return strings.Split(text, ",")
	}
	return text
}

// UnmarshalJSON reads an object with the keys of a fault. It does not validate; an error is a *Mistake or of JSON.
func (f *Fault) UnmarshalJSON(source []byte) error {
	d := json.NewDecoder(bytes.NewReader(source))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return mistake("", "a fault is an object such as {\"device\": \"gw-7\", \"latency\": \"2s\"}")
	}
	*f = Fault{}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if seen[key] {
			return mistake(key, "it is given twice")
		}
		seen[key] = true
		if err := f.setJSON(key, d); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return mistake("", "there is more after the fault's object")
	}
	return nil
}

func (f *Fault) setJSON(key string, d *json.Decoder) error {
	k := keyNamed(key)
	if k == nil {
		return unknownKey(key)
	}
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	text, ok := k.Form.read(raw)
	if !ok {
		return mistake(key, "%.60s cannot stand here", raw)
	}
	return f.Set(key, text)
}

// read is a JSON value as text, if it is of the right type.
func (f Form) read(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil && raw[0] == '"' {
		return text, f != Yes && f != Count && f != Number
	}
	if raw[0] == '[' && f == Wordlist {
		var list []string
		err := json.Unmarshal(raw, &list)
		return strings.Join(list, ","), err == nil
	}
	return string(raw), raw[0] != '[' && raw[0] != '{' && raw[0] != 'n' && f != Text && f != Word && f != Wordlist
}
