package simulator

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/twinbook/twinbook/simulator/wire"
)

// maxBulk is how many identities one request may write, as Azure documents it.
const maxBulk = 100

// A bulkItem is what a request wants of one identity.
type bulkItem struct {
	ID         string          `json:"id"`
	ModuleID   string          `json:"moduleId"`
	Mode       string          `json:"importMode"`
	ETag       string          `json:"eTag"`
	TwinETag   string          `json:"twinETag"`
	Tags       json.RawMessage `json:"tags"`
	Properties json.RawMessage `json:"properties"`
	identityMembers
}

// bulkError is one item's failure.
type bulkError struct {
	DeviceID  string `json:"deviceId"`
	Code      int    `json:"errorCode"`
	Status    string `json:"errorStatus"`
	ModuleID  string `json:"moduleId"`
	Operation string `json:"operation"`
}

type bulkReply struct {
	Successful bool        `json:"isSuccessful"`
	Errors     []bulkError `json:"errors"`
	Warnings   []struct{}  `json:"warnings"`
}

// bulk writes many identities, each on its own: those that fail are told, the others are done.
func (r *request) bulk() (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	var list []json.RawMessage
	if err := decodeBody(body, wire.MaxDepth, "a list of identities", &list); err != nil {
		return reply{}, err
	}
	if len(list) == 0 || len(list) > maxBulk {
		return reply{}, argumentInvalid.fault("A bulk request has 1 to %d identities, not %d", maxBulk, len(list))
	}
	done := bulkReply{Successful: true, Errors: []bulkError{}, Warnings: []struct{}{}}
	items, faults := parseBulk(list)
	for i, item := range items {
		err := faults[i]
		if err == nil {
			err = r.hub.bulkOne(item)
		}
		if err != nil {
			f := asFault(err)
			done.Errors = append(done.Errors, bulkError{item.ID, f.number, f.text, item.ModuleID, item.Mode})
		}
	}
	if len(done.Errors) == 0 {
		return reply{body: done}, nil
	}
	done.Successful = false
	return reply{status: http.StatusBadRequest, body: done, header: map[string]string{"iothub-errorcode": bulkFailure.name}}, nil
}

// parseBulk reads the items. One that is wrong by itself has an error, and so has each of those that
// name the same identity.
func parseBulk(list []json.RawMessage) ([]bulkItem, []error) {
	items, faults := make([]bulkItem, len(list)), make([]error, len(list))
	seen := map[wire.Identity]int{}
	for i, text := range list {
		if faults[i] = decodeBody(text, wire.MaxDepth, "an identity", &items[i]); faults[i] != nil {
			continue
		}
		if items[i].Mode == "" {
			items[i].Mode = "createOrUpdate" // as for import jobs
		}
		if items[i].ID != "" {
			seen[items[i].names()]++
		}
	}
	for i, item := range items {
		if faults[i] == nil && seen[item.names()] > 1 {
			faults[i] = definedTwice.fault("Device %s is defined multiple times in the request", printable(item.names().String()))
		}
	}
	return items, faults
}

func (b bulkItem) names() wire.Identity { return wire.Identity{Device: b.ID, Module: b.ModuleID} }

// bulkOne does what one item says, all of it or nothing.
func (h *Hub) bulkOne(b bulkItem) error {
	change, err := b.change()
	if err != nil {
		return err
	}
	write, err := b.write()
	if err != nil {
		return err
	}
	r := registration{id: b.names(), change: change, twin: write}
	switch mode := strings.ToLower(b.Mode); mode {
	case "create":
		r.create = true
	case "update":
		r.update = true
	case "createorupdate":
		r.create, r.update = true, true
	case "updateifmatchetag", "createorupdateifmatchetag":
		r.create, r.update, r.ifMatch = mode[0] == 'c', true, exactly(b.ETag)
	case "delete":
		return h.bulkRemove(b, "")
	case "deleteifmatchetag":
		return h.bulkRemove(b, exactly(b.ETag))
	case "updatetwin":
		return h.bulkTwin(b, write, "")
	case "updatetwinifmatchetag":
		return h.bulkTwin(b, write, exactly(b.TwinETag))
	default:
		return argumentInvalid.fault("The importMode '%s' is not known", printable(b.Mode))
	}
	_, err = h.register(r)
	return err
}

// exactly is an etag that has to match: none at all matches nothing.
func exactly(etag string) string {
	if strings.TrimSpace(etag) == "" {
		return `"-"`
	}
	return etag
}

// write is the part for the twin, which merges; nil where there is none.
func (b bulkItem) write() (*serviceWrite, error) {
	if b.Tags == nil && b.Properties == nil {
		return nil, nil
	}
	doc := map[string]json.RawMessage{}
	if b.Tags != nil {
		doc["tags"] = b.Tags
	}
	if b.Properties != nil {
		doc["properties"] = b.Properties
	}
	w, err := parseWrite(encodeJSON(doc), false, "")
	return &w, err
}

func (h *Hub) bulkRemove(b bulkItem, ifMatch string) error {
	id, err := registryID(b.ID, b.ModuleID)
	if err != nil {
		return err
	}
	return h.remove(id, ifMatch)
}

func (h *Hub) bulkTwin(b bulkItem, write *serviceWrite, ifMatch string) error {
	id, err := registryID(b.ID, b.ModuleID)
	if err != nil {
		return err
	}
	if write == nil {
		return argumentInvalid.fault("There is nothing to write to the twin: neither tags nor properties")
	}
	write.ifMatch = ifMatch
	_, err = h.writeTwin(id, *write)
	return err
}
