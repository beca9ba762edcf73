// Package access says who may speak to the server.
//
// A Gate stands before every request: it refuses what a browser was made to send by a foreign page, finds out
// who sent the request (a token of the configuration, a bearer token of an OpenID Connect issuer, or, where the
// configuration has neither, somebody on this machine), and puts that Identity into the request's context. What an
// identity may do is decided where it is done, by Identity.May. Beside it stand the certificate of the server
// and the signatures of webhooks.
//
// What it promises: secrets are compared in a time that does not depend on them; a token never is in an error, a
// log line or an answer; whoever has a valid token is never locked out by the failures of others; what failures cost is bounded.
//
// It keeps no sessions and no passwords, knows no runs, and writes no audit trail.
package access
