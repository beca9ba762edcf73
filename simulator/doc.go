// Package simulator is a hub on your desk: a stand-in for Azure IoT Hub that unmodified clients
// can talk to.
//
// Faithful: MQTT 3.1.1 as devices use it (SAS tokens and their expiry, sessions that keep their
// subscriptions, takeover, wills, twins, direct methods, desired notices in $version order, telemetry, and
// messages from the cloud that wait until the device has confirmed them), the service's REST calls for twins,
// identities, methods, queries and jobs, of devices and of their modules, and the errors of both, with their
// codes and bodies. A device may also be attached: the same conversation in the same process
// without any bytes, cheap enough for a hundred thousand of them.
//
// Devices come over MQTT, also over TLS and over WebSocket; services over HTTP and HTTPS.
//
// Different: all a hub sends but messages from the cloud goes at QoS 0, which its protocol allows. Queries see
// changes at once, where Azure's lag by seconds. There is no AMQP, over which services send messages and read
// telemetry; REST calls below twinbook/ stand for that, and a hub keeps the latest telemetry only. What is
// asked for and not there is answered 404 or 501, never 200. There are quotas only if Config.Tier says so.
//
// Jobs: one that is to begin at once is queued until it does. It fails, with the devices it was not done with, when
// its time is up, and when the hub is restarted while it runs. A hub without a tier runs ten at a time. Of what
// devices answer to one job 16 MiB are kept, the same answer counted once.
//
// What goes wrong on purpose comes from package fault, through AddFault: it strikes where messages, calls and
// connections come in or go out (faults_*.go), and slows them in lanes (lane.go). Nothing else knows of it.
//
// Nothing outlives the process but what a Config.State keeps: identities, twins, the sessions and messages
// of devices, jobs, and the hub's own keys. Telemetry does not, nor do calls that are under way.
//
// Code here takes its time from a clock.Clock and waits only through it, so that a hub with attached
// devices and the Client runs in virtual time, too. Goroutines and socket deadlines are in
// broker.go, socket.go, websocket.go, servemqtt.go and serve.go only.
package simulator
