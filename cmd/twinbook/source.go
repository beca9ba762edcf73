package main

import (
	"fmt"
	"io"
	"os"
)

// maxRead is how much of a file is read to tell how large it is. The language's own limit is far
// below (engine.MaxSource); what lies above both is no file that anybody wrote.
const maxRead = 16 << 20

// readSource reads a file that somebody wrote, and no more than could be one.
func readSource(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder; name a file in it", path)
	}
	return io.ReadAll(io.LimitReader(f, maxRead))
}
