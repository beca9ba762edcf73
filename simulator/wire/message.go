// Package wire is what a device and its hub say to each other, and how that looks in MQTT.
//
// Messages are typed values. The same values travel as MQTT packets over a socket, or without
// any bytes between a hub and a device in the same process; a device talks through a Conn and
// cannot tell which. Topics, user names, property bags, connection strings and SAS tokens are
// parsed and printed here for both sides.
//
// Everything but reading a packet is pure, and everything takes hostile input. What a message
// means, and who may send it, is not known here: see package simulator.
package wire

import "math/bits"

// A Message is one thing said between a device and its hub.
type Message interface{ message() }

// Messages from a device to its hub.
type (
	// Subscribe asks for feeds. A hub grants those it knows.
	Subscribe struct{ Feeds Feeds }

	// Unsubscribe gives feeds back.
	Unsubscribe struct{ Feeds Feeds }

	// TwinGet asks for the twin; the answer is a TwinResponse with the same RID.
	TwinGet struct{ RID string }

	// ReportedPatch merges Body, a JSON object, into the reported properties. The answer is a
	// TwinResponse with the same RID.
	ReportedPatch struct {
		RID     string
		Version int64 // the reported $version it is meant for; 0 for any; BadVersion is refused
		Body    []byte
	}

	// MethodResponse answers the MethodRequest with the same RID. Body is JSON or empty.
	MethodResponse struct {
		RID    string
		Status int
		Body   []byte
	}

	// Telemetry is a message for the back end.
	Telemetry struct {
		Properties []Property
		Body       []byte
	}
)

// Messages from a hub to its device.
type (
	// MethodRequest is a direct method call. Body is JSON, never empty.
	MethodRequest struct {
		RID    string
		Method string
		Body   []byte
	}

	// TwinResponse answers a TwinGet (200 with the twin) or a ReportedPatch (204 and empty).
	// Other statuses come with a JSON body that has errorCode and message.
	TwinResponse struct {
		RID     string
		Status  int
		Version int64 // the new reported $version after a patch; 0 where there is none
		Body    []byte
	}

	// DesiredPatch says that the service changed the desired properties.
	DesiredPatch struct {
		Version int64
		Body    []byte // JSON: the change, with "$version"
	}

	// Devicebound is a message from the cloud. The device that has acknowledged it (over MQTT by a
	// PUBACK) does not get it again.
	Devicebound struct {
		Properties []Property // "$.to" among them, as Azure sends it
		Body       []byte
		EscapedID  bool // see EscapedIDs
	}
)

func (Subscribe) message()      {}
func (Unsubscribe) message()    {}
func (TwinGet) message()        {}
func (ReportedPatch) message()  {}
func (MethodResponse) message() {}
func (Telemetry) message()      {}
func (MethodRequest) message()  {}
func (TwinResponse) message()   {}
func (DesiredPatch) message()   {}
func (Devicebound) message()    {}

// Feeds is a set of things that a hub sends only to those who subscribed.
type Feeds uint8

const (
	MethodFeed       Feeds = 1 << iota // MethodRequest
	TwinResponseFeed                   // TwinResponse
	DesiredFeed                        // DesiredPatch
	DeviceboundFeed                    // Devicebound
	InputFeed                          // messages from other modules of an edge device
	ModuleFeed                         // everything for a module of an edge device

	// EscapedIDs is no feed: it comes with one whose filter has the device's id with percent-escapes, as
	// Python's SDK writes it. What is sent to the device then has to be spelled so, too.
	EscapedIDs
)

// Len is how many feeds are in f.
func (f Feeds) Len() int { return bits.OnesCount8(uint8(f &^ EscapedIDs)) }

// Has says whether all feeds of g are in f.
func (f Feeds) Has(g Feeds) bool { return f&g == g }
