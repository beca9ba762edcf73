// Package workflows holds workflows that people can take, and the simulator file they run on.
//
// The files are what counts; this package only carries them into the binary, so that
// `twinbook init` can write them where somebody starts.
package workflows

import "embed"

// Files are the YAML files of this folder.
//
//go:embed *.yaml
var Files embed.FS
