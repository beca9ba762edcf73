package server

import (
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
)

// validateRequest is the body of POST /validate: a workflow, and the files that it calls.
type validateRequest struct {
	File   string            `json:"file"`   // its name in problems; workflow.yaml unless given
	Source string            `json:"source"` // its text
	Files  map[string]string `json:"files"`  // texts of further files, by their paths, as those of `file`
}

// yamlTypes are what a workflow may be sent as without JSON around it.
var yamlTypes = []string{"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain"}

// validAnswer says what a workflow is that passed every check.
type validAnswer struct {
	Workflow string           `json:"workflow"`
	File     string           `json:"file"`
	Hash     string           `json:"hash"`
	Problems []record.Problem `json:"problems"` // none
}

// validate compiles a workflow as the server would: 200, or a Problem with all that is wrong and where.
func (s *Server) validate(c *call) error {
	q := validateRequest{}
	if slices.Contains(yamlTypes, c.mediaType()) {
		body, err := c.read(filesBody)
		if err != nil {
			return err
		}
		q.Source = string(body)
	} else if err := c.decode(filesBody, &q); err != nil {
		return err
	}
	if q.File == "" {
		q.File = "workflow.yaml"
	}
	if err := q.named(); err != nil {
		return err
	}
	var p *engine.Program
	err := within(c.Context(), s.checks, func() (err error) {
		p, err = s.Starter.World.Compile(q.File, []byte(q.Source), q.read)
		return err
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, validAnswer{p.Workflow.Name, p.File, p.Hash, []record.Problem{}})
}

// read gives the files that came with the workflow, and none of the server's.
func (q *validateRequest) read(name string) ([]byte, error) {
	text, ok := q.Files[filepath.ToSlash(name)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

// longestName bounds the names of files: each problem has one.
const longestName = 255

// named holds the names of the files against that bound.
func (q *validateRequest) named() error {
	tooLong := fmt.Sprintf("the name of a file has at most %d bytes", longestName)
	if len(q.File) > longestName {
		return invalid(FieldError{Pointer: "#/file", Detail: tooLong})
	}
	for name := range q.Files {
		if len(name) > longestName {
			return invalid(FieldError{Pointer: pointer("files", name), Detail: tooLong})
		}
	}
	return nil
}
