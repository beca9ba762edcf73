//go:build !unix

package warden

import "context"

// Ward does nothing: there is no Run here.
func Ward() {}

// Run says that it cannot.
func Run(context.Context, Command) (Result, error) { return Result{}, &StartError{ErrUnsupported} }

// CheckFile says that nothing can be run.
func CheckFile(string) error { return ErrUnsupported }
