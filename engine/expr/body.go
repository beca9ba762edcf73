package expr

import (
	"encoding/base64"
	"encoding/json"
	"unicode/utf8"
)

// ReadBody is the body of a message as expressions see it: JSON where it is JSON, else text, else
// base64. bodyType says which: json, text or base64.
func ReadBody(body []byte) (value any, bodyType string) {
	if value, err := ParseJSON(body); err == nil {
		return value, "json"
	}
	if utf8.Valid(body) {
		return string(body), "text"
	}
	return base64.StdEncoding.EncodeToString(body), "base64"
}

// WriteBody is a value as the body of a message: text as it is, anything else as JSON, nothing for nil.
func WriteBody(value any) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(value), nil
	}
	return json.Marshal(value)
}
