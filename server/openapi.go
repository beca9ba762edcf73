package server

import (
	_ "embed"
	"net/http"
)

// openAPI describes the API, as people write it; openAPIAsJSON is made of it, and a test says when it is stale.
var (
	//go:embed openapi.yaml
	openAPI []byte
	//go:embed openapi.json
	openAPIAsJSON []byte
)

func (s *Server) openAPIYAML(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return c.bytes(http.StatusOK, "application/yaml", openAPI)
}

func (s *Server) openAPIJSON(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return c.bytes(http.StatusOK, "application/json", openAPIAsJSON)
}
