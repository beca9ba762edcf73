package hub_test

import (
	"testing"

	"github.com/twinbook/twinbook/internal/clock/clockrule"
)

func TestWaitsOnlyThroughTheClock(t *testing.T) {
	for _, dir := range []string{".", "azure", "hubtest"} {
		clockrule.Check(t, dir)
	}
}
