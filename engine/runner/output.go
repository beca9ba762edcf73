package runner

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/twinbook/twinbook/engine"
)

// maxOutput is how much a step may put into a run, as JSON in bytes.
const maxOutput = 1 << 20

// settle makes a value what the journal will give back, so that a resumed run sees the same, and says
// how long it is as JSON.
func settle(value any) (settled any, size int, err error) {
	if value == nil {
		return nil, len("null"), nil
	}
	if settled, err = engine.ToJSON(value); err != nil {
		return nil, 0, err
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(settled); err != nil {
		return nil, 0, err
	}
	size = text.Len() - len("\n")
	if bytes.Contains(text.Bytes(), []byte(`\ufffd`)) { // text that was no UTF-8, and is now
		err = json.Unmarshal(text.Bytes(), &settled)
	}
	return settled, size, err
}

// maskParams are parameters as they may be kept: with *** in place of each secret.
func maskParams(params map[string]any) map[string]any {
	if len(params) == 0 {
		return nil
	}
	masked, _ := mask(params).(map[string]any)
	return masked
}

func mask(value any) any {
	switch value := value.(type) {
	case fmt.Stringer: // engine.Masked
		return value.String()
	case map[string]any:
		object := make(map[string]any, len(value))
		for k, v := range value {
			object[k] = mask(v)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, v := range value {
			list[i] = mask(v)
		}
		return list
	}
	return value
}
