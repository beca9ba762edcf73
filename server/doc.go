// Package server is twinbook over HTTP: a thin layer over journal, runner, schedules and the library of workflows.
//
// A request is let in (package access), found in the list of routes (routes.go), and answered by a function that asks
// the parts below and says what they said. What a run looks like as JSON is decided in package record, so that the command
// line shows the same; openapi.yaml describes all of it, and tests hold it against the routes and against real answers.
//
// Starter is the one place where a wish becomes a run, whoever has it: a request, a webhook, a schedule, a twin.
//
// The promises:
//   - Every error is problem+json (RFC 9457), those of the router and of a handler that panicked as well.
//   - A request body has a bound, and is one document of what the route takes, or nothing is done.
//   - Nobody who reads or writes slowly holds anything but their own connection, and that not for long.
//   - A run that is watched by thousands is read from the journal once.
//   - Whoever changes something stands in the audit trail, also if it was refused to them.
//
// It keeps nothing of its own: a server that is killed has lost only connections. Addresses, certificates, signals and
// configuration are the command's (cmd/twinbook).
package server
