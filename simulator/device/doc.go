// Package device is simulated devices: clients of the hub's protocol that behave as a simulator
// file says.
//
// Load reads and checks the file, Start connects its devices and lets them live until a context
// ends. A device subscribes, reads its twin, reports what its profile says it has from the start, and
// then serves: a method call, a change of its desired properties, or a message plays the steps that the
// profile has for it. Steps are played by the same planner as a workflow's, with the actions of a
// device (respond, report, telemetry, disconnect, reconnect) instead of those of a service.
//
// What a device is to its hub:
//
//   - A method that its profile does not have is answered 501, as Azure's .NET SDK does.
//   - Steps that end without respond answer for themselves: 200 and null, or 500 and {"error": …}
//     where they failed.
//   - disconnect says goodbye (DISCONNECT). Nothing reaches the device until a step says reconnect; a
//     device whose steps end before they say so stays off.
//   - A connection that is lost otherwise (the hub restarts, another client takes over) is opened
//     again by itself, after a second and then less and less often, up to once a minute.
//   - report waits while the device is off, and is sent again if the connection was lost before
//     the hub had answered. It is a merge patch, so twice is as good as once.
//   - onDesired is played after a notice, and after a connect that found desired properties which the device
//     had not seen. One at a time: notices that come meanwhile are answered by one more, which sees the newest.
//   - onMessage is played for one message after another. The hub has its acknowledgement before that.
//   - telemetry of the profile is sent while the device is connected, and not made up for later. That of a step
//     waits for a connection, and is sent again if that was lost before the hub had acknowledged it.
//
// An idle device is a struct and costs no goroutine. All waiting is done through a clock.Clock,
// so that attached devices live in virtual time as well; only mqtt.go, which speaks real MQTT through
// Eclipse Paho, needs clock.Real. Chance comes from a seed and the device's id.
//
// What a hub makes of all this is not known here: see package simulator.
package device
