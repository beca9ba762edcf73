// Package hub is the fleet as steps see it: methods, twins and queries of devices, real or simulated.
//
// A hub never knows what a workflow is. What it returns as an error is always an *Error, whose
// Kind says what happened in words that workflows use, and whether the effect may have happened.
package hub

import (
	"context"
	"time"
)

// A Hub reaches the devices of one fleet.
type Hub interface {
	Methods
	Twins
	Queries
}

// Methods calls direct methods.
type Methods interface {
	// Invoke calls a direct method once and returns the device's answer, whatever its status.
	// It never repeats a call that may have reached the device.
	Invoke(ctx context.Context, c Call) (Reply, error)
}

// Twins reads and changes device twins.
type Twins interface {
	// Twin reads the twin of a device, or of one of its modules.
	Twin(ctx context.Context, t Target) (Twin, error)

	// UpdateTwin merges a patch into tags and desired properties and returns the twin after it.
	UpdateTwin(ctx context.Context, t Target, p Patch) (Twin, error)
}

// Queries asks for devices in the hub's query language.
type Queries interface {
	// Query returns one page; Page.Continuation asks for the next and is empty on the last.
	Query(ctx context.Context, q Query) (Page, error)
}

// A Pusher is a hub that says by itself when a twin has changed, so that nobody needs to poll it.
type Pusher interface {
	// OnTwin calls f with the whole twin after each change of t, in the order of the changes, until
	// stop is called. f must not wait. Changes before OnTwin returned are not reported.
	//
	// If the device is deleted, f is told that as an error, an *Error of kind NotFound, and never
	// called again, even if there will be another device of that name.
	OnTwin(t Target, f func(Twin, error)) (stop func())
}

// A Target names a device, or one of its modules.
type Target struct {
	Device string
	Module string // empty: the device itself
}

func (t Target) String() string {
	if t.Module == "" {
		return t.Device
	}
	return t.Device + "/" + t.Module
}

// A Call is one direct method call.
type Call struct {
	Target
	Method  string
	Payload any // JSON; nil is sent as null

	// Response is how long the device may take once it has the call. Azure allows 5s to 300s.
	Response time.Duration
	// Connect is how long the hub waits for an offline device. Zero: it must be online now.
	Connect time.Duration
}

// A Reply is what the device answered.
type Reply struct {
	Status  int
	Payload any // JSON, nil for an empty or null answer
}

// A Twin is a twin as the service sees it. Its maps hold plain JSON without $metadata and $version;
// whoever gets a Twin must not change them.
type Twin struct {
	Target
	ConnectionState string // "Connected" or "Disconnected"
	Status          string // "enabled" or "disabled"
	ETag            string

	Tags     map[string]any
	Desired  map[string]any
	Reported map[string]any

	DesiredVersion  int64
	ReportedVersion int64

	// DesiredMetadata and ReportedMetadata mirror the sections; each level holds "$lastUpdated".
	DesiredMetadata  map[string]any
	ReportedMetadata map[string]any
}

// A Patch is merged into a twin: objects merge, other values replace, null deletes (RFC 7396).
type Patch struct {
	Tags    map[string]any // nil: leave alone
	Desired map[string]any // nil: leave alone
	IfMatch string         // etag the twin must still have; empty: whatever it has
}

// A Query asks for devices.
type Query struct {
	Text         string
	PageSize     int    // 0: the hub's default
	Continuation string // from the page before; empty for the first
}

// A Page is a part of a query's answer.
type Page struct {
	// Twins is set when whole twins were asked for (SELECT *), Rows otherwise.
	Twins        []Twin
	Rows         []map[string]any
	Continuation string
}
