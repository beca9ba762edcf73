package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/twinbook/twinbook/simulator/wire"
)

// What Azure documents as limits of twins.
const (
	maxTags       = 8 << 10  // bytes
	maxProperties = 32 << 10 // bytes, desired and reported each
	maxKey        = 1 << 10  // bytes
	maxValue      = 4 << 10  // bytes of a string
	maxLevels     = 10       // objects and arrays inside each other
	minInteger    = -4503599627370496
	maxInteger    = 4503599627370495
)

// decodeJSON reads JSON that nests no deeper than depth. Numbers stay text.
func decodeJSON(text []byte, depth int) (any, error) {
	if err := checkBody(text, depth); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, argumentInvalid.fault("The request body is not valid: %v", err)
	}
	return v, nil
}

// decodeSection reads a patch for one section of a twin, null being nil. Numbers become float64,
// which holds every integer that is allowed.
func decodeSection(name string, text []byte) (map[string]any, error) {
	v, err := decodeJSON(text, wire.MaxDepth)
	if err != nil || v == nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, argumentInvalid.fault("%s must be a JSON object", name)
	}
	delete(m, "$metadata") // clients send back what they read
	delete(m, "$version")
	return m, checkObject(m, 0, false)
}

// checkObject checks what is in m, which lies level objects and arrays deep, and makes its numbers float64.
func checkObject(m map[string]any, level int, inArray bool) error {
	for key, v := range m {
		if err := checkKey(key); err != nil {
			return err
		}
		v, err := checkValue(v, level, inArray)
		if err != nil {
			return err
		}
		m[key] = v
	}
	return nil
}

func checkKey(key string) error {
	if len(key) > maxKey {
		return argumentInvalid.fault("Property or Tag name should be maximum %d bytes. Name: '%.40s'", maxKey, key)
	}
	if strings.ContainsAny(key, ".$# ") || strings.ContainsFunc(key, unicode.IsControl) {
		return argumentInvalid.fault("Property or Tag name must not hold '.', '$', '#', space or control characters. Name: '%.40s'", printable(key))
	}
	return nil
}

func checkValue(v any, level int, inArray bool) (any, error) {
	switch v := v.(type) {
	case nil:
		if inArray {
			return nil, argumentInvalid.fault("Arrays cannot hold null")
		}
		return nil, nil
	case string:
		if len(v) > maxValue {
			return nil, argumentInvalid.fault("Property or Tag value should be maximum %d bytes. Value starts with: '%.40s'", maxValue, printable(v))
		}
		return v, nil
	case json.Number:
		return checkNumber(v.String())
	case map[string]any:
		if level == maxLevels {
			return nil, tooDeep()
		}
		return v, checkObject(v, level+1, inArray)
	case []any:
		if level == maxLevels {
			return nil, tooDeep()
		}
		return v, checkArray(v, level+1)
	}
	return v, nil // a boolean
}

func tooDeep() error {
	return argumentInvalid.fault("Properties or Tags may nest %d objects deep at most", maxLevels)
}

func checkArray(list []any, level int) error {
	for i, v := range list {
		v, err := checkValue(v, level, true)
		if err != nil {
			return err
		}
		list[i] = v
	}
	return nil
}

// checkNumber makes a number what is stored. One that is whole is shown as an integer however it was written, as
// long as that takes no exponent; then it has to be one that could be sent back.
func checkNumber(text string) (any, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && strings.ContainsAny(text, ".eE") {
		return nil, argumentInvalid.fault("The number %.40s cannot be stored", text)
	}
	shown := text
	if err == nil && strings.ContainsAny(text, ".eE") {
		shown = string(encodeJSON(f))
	}
	if whole := !strings.ContainsAny(shown, ".eE"); whole && (err != nil || f < minInteger || f > maxInteger) {
		return nil, argumentInvalid.fault("Integers go from %d to %d. Value: %.40s", minInteger, maxInteger, text)
	}
	if f == 0 {
		return 0.0, nil // without a sign
	}
	return f, nil
}

// sizeOf counts as Azure does: keys and strings in UTF-8 without control characters, a number
// as 8 bytes, a boolean as 4.
func sizeOf(v any) int {
	size := 0
	switch v := v.(type) {
	case string:
		return textSize(v)
	case float64:
		return 8
	case bool:
		return 4
	case map[string]any:
		for key, member := range v {
			size += textSize(key) + sizeOf(member)
		}
	case []any:
		for _, item := range v {
			size += sizeOf(item)
		}
	}
	return size
}

func textSize(s string) int {
	size := len(s)
	for _, r := range s {
		if unicode.IsControl(r) {
			size -= utf8.RuneLen(r)
		}
	}
	return size
}

func checkSize(section string, t *tree, limit int) error {
	if size := t.size(); size > limit {
		return tooManyProps.fault("'%s' size should be less than %d bytes.", section, limit).
			saying("%s would have %d bytes, and %d are allowed; send less, or delete properties with null", section, size, limit)
	}
	return nil
}

// printable is s as it may stand in a message: without what would break it up.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == ';' {
			return '_'
		}
		return r
	}, fmt.Sprintf("%.60s", s))
}
