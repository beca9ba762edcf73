package steps

import (
	"errors"
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
)

// isMet asks the condition that a parameter gives. A part that is missing means no: keep waiting, or
// not selected. Anything else that goes wrong in it fails the step.
func isMet(condition *expr.Bound, param string, now time.Time, names map[string]any) (bool, error) {
	yes, err := condition.Test(now, names)
	var fault *expr.Error
	if errors.As(err, &fault) && !fault.Missing {
		return false, &engine.Error{Kind: engine.KindExpression, Message: fmt.Sprintf("%s: %s: %v", param, condition.Source(), err)}
	}
	return yes && err == nil, nil
}
