package device_test

import (
	"testing"

	"github.com/twinbook/twinbook/internal/clock/clockrule"
)

// Devices run in virtual time; only the socket does not.
func TestClockRule(t *testing.T) { clockrule.Check(t, ".", "mqtt.go", "mqtt_parting.go") }
