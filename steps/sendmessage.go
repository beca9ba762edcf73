package steps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
)

var sendMessage = engine.Define(engine.Spec{
	Name:    "sendMessage",
	Summary: "send a message from the cloud to a device",
	Doc: "The hub queues it; the step does not wait for the device to take it. " +
		"The message's id follows from run and step, and is the same in each attempt of the step, so that a device can tell a message that was sent twice. " +
		"A message that the hub may have taken is never sent again unless `retry.on` names that kind of failure. " +
		"It works with simulated hubs: Azure IoT Hub takes messages over AMQP only, which twinbook does not speak.",
	Example: `
- id: notice
  sendMessage:
    payload: { text: "firmware ${{ inputs.firmware }} is out" }
    properties: { level: info }
    expiry: 1h
- log: message ${{ steps.notice.messageId }} is queued`,
	Delivery: engine.Once,
	Timeout:  30 * time.Second,
}, runSendMessage)

type sendMessageParams struct {
	Payload    any               `yaml:"payload" doc:"The message's body: text is sent as it is, anything else as JSON. Without it the body is empty."`
	Properties map[string]string `yaml:"properties" doc:"Properties beside the body; a name does not begin with $."`
	Expiry     time.Duration     `yaml:"expiry" min:"1" max:"172800" doc:"How long the message may wait for the device, 1s to 2d. Without it, as long as the hub keeps messages."`
}

type sendMessageResult struct {
	MessageID string `json:"messageId" doc:"The id that the device gets with the message."`
}

func runSendMessage(ctx context.Context, env Env, p sendMessageParams) (sendMessageResult, error) {
	messages, err := env.messages()
	if err != nil {
		return sendMessageResult{}, err
	}
	body, err := p.body()
	if err != nil {
		return sendMessageResult{}, err
	}
	id, err := messages.Send(ctx, hub.Message{
		Target: env.target(""), Body: body, Properties: p.Properties, ID: messageID(env.Key), Expiry: p.Expiry,
	})
	return sendMessageResult{MessageID: id}, err
}

func (p sendMessageParams) body() ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(p.Properties)) {
		if name == "" || strings.HasPrefix(name, "$.") {
			return nil, &engine.Error{Kind: engine.KindInvalid, Message: fmt.Sprintf(
				"properties: %q cannot be the name of a property: names that begin with $. are the hub's own", name)}
		}
	}
	body, err := expr.WriteBody(p.Payload)
	if err != nil {
		return nil, &engine.Error{Kind: engine.KindInvalid, Message: "payload: " + err.Error()}
	}
	return body, nil
}

// messageID is an idempotency key in the form of an id that every hub takes: 32 letters and digits.
func messageID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}
