package simulator

import (
	"testing"

	"github.com/twinbook/twinbook/internal/clock/clockrule"
)

// Sockets live in real time, everything else on the hub's clock.
func TestUnderTheClock(t *testing.T) {
	clockrule.Check(t, ".", "broker.go", "servemqtt.go", "socket.go", "serve.go", "websocket.go")
}
