package runner

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
)

// maxOutput is how much a step may put into a run, as JSON in bytes.
const maxOutput = 1 << 20

// settle makes a value what the journal will give back, so that a resumed run sees the same, and says
// about how long it is as JSON.
func settle(value any) (settled any, size int, err error) {
	if size, plain := plainSize(value); plain {
		return value, size, nil
	}
	if settled, err = expr.ToJSON(value); err != nil {
		return nil, 0, err
	}
	text, err := json.Marshal(settled)
	if err != nil {
		return nil, 0, err
	}
	return settled, len(text), json.Unmarshal(text, &settled) // text that was no UTF-8 is now
}

// plainSize is about how many bytes a value takes as JSON, if it is plain JSON already.
func plainSize(value any) (size int, plain bool) {
	switch value := value.(type) {
	case nil, bool:
		return len("false"), true
	case float64:
		var digits [32]byte
		return len(strconv.AppendFloat(digits[:0], value, 'g', -1, 64)), !math.IsNaN(value) && !math.IsInf(value, 0)
	case string:
		return len(value) + 2, utf8.ValidString(value)
	case map[string]any:
		for name, member := range value {
			inner, plain := plainSize(member)
			if !plain || !utf8.ValidString(name) {
				return 0, false
			}
			size += len(name) + inner + len(`"":,`)
		}
		return max(size, 1) + 1, true
	case []any:
		for _, item := range value {
			inner, plain := plainSize(item)
			if !plain {
				return 0, false
			}
			size += inner + len(",")
		}
		return max(size, 1) + 1, true
	}
	return 0, false
}

// maskParams are parameters as they may be kept.
func maskParams(params map[string]any) map[string]any {
	if len(params) == 0 {
		return nil
	}
	masked, _ := engine.Conceal(params).(map[string]any)
	return masked
}
