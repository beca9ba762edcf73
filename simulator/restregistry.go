package simulator

import (
	"net/http"
	"strconv"

	"github.com/twinbook/twinbook/simulator/wire"
)

var registryRoutes = []route{
	{method: "GET", path: "devices", need: registryRead, serve: (*request).listIdentities, quota: registryCalls},
	{method: "POST", path: "devices", need: registryWrite, serve: (*request).bulk, quota: registryCalls},
	{method: "GET", path: "devices/*", need: registryRead, serve: (*request).getIdentity, quota: registryCalls},
	{method: "PUT", path: "devices/*", need: registryWrite, serve: (*request).putIdentity, quota: registryCalls},
	{method: "DELETE", path: "devices/*", need: registryWrite, serve: (*request).deleteIdentity, quota: registryCalls},
	{method: "GET", path: "devices/*/modules", need: registryRead, serve: (*request).listModules, quota: registryCalls},
	{method: "GET", path: "devices/*/modules/*", need: registryRead, serve: (*request).getIdentity, quota: registryCalls},
	{method: "PUT", path: "devices/*/modules/*", need: registryWrite, serve: (*request).putIdentity, quota: registryCalls},
	{method: "DELETE", path: "devices/*/modules/*", need: registryWrite, serve: (*request).deleteIdentity, quota: registryCalls},
	{method: "GET", path: "statistics/devices", need: registryRead, serve: (*request).countDevices},
	{method: "GET", path: "statistics/service", need: serviceConnect, serve: (*request).countConnected},
}

// maxIdentities is how many identities one GET shows, as Azure documents it.
const maxIdentities = 1000

// names are the device and the module that the path is about.
func (r *request) names() wire.Identity {
	id := wire.Identity{Device: r.path[1]}
	if len(r.path) > 3 && r.path[2] == "modules" {
		id.Module = r.path[3]
	}
	return id
}

// target is the registry's id of what the path is about.
func (r *request) target() (string, error) {
	id := r.names()
	if len(r.path) > 3 && id.Module == "" {
		return "", unknownModule(id.Device, "")
	}
	return registryID(id.Device, id.Module)
}

func (r *request) getIdentity() (reply, error) {
	id, err := r.target()
	if err != nil {
		return reply{}, err
	}
	v, err := r.hub.readTwin(id)
	return r.identityReply(v, err)
}

func (r *request) identityReply(v view, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{body: r.hub.identityDoc(v), header: map[string]string{"ETag": quoted(v.deviceETag())}}, nil
}

// putIdentity creates, or with If-Match updates.
func (r *request) putIdentity() (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	var b identityBody
	if err := decodeBody(body, wire.MaxDepth, "an identity", &b); err != nil {
		return reply{}, err
	}
	id := r.names()
	if b.DeviceID != id.Device || b.ModuleID != id.Module {
		return reply{}, argumentInvalid.fault("The ids in the body, '%s' and '%s', are not those of the path", printable(b.DeviceID), printable(b.ModuleID))
	}
	change, err := b.change()
	if err != nil {
		return reply{}, err
	}
	ifMatch := r.Header.Get("If-Match")
	return r.identityReply(r.hub.register(registration{
		id: id, change: change, create: ifMatch == "", update: ifMatch != "", ifMatch: ifMatch,
	}))
}

func (r *request) deleteIdentity() (reply, error) {
	id, err := r.target()
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, r.hub.remove(id, r.Header.Get("If-Match"))
}

// listIdentities shows up to top devices, and not more than 1000 whatever top is.
func (r *request) listIdentities() (reply, error) {
	top := maxIdentities
	if text := r.URL.Query().Get("top"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return reply{}, argumentInvalid.fault("top must be a number from 1 to %d", maxIdentities)
		}
		top = min(n, maxIdentities)
	}
	return r.identities(r.hub.devices.list(), top), nil
}

func (r *request) listModules() (reply, error) {
	id, err := registryID(r.path[1], "")
	if err != nil {
		return reply{}, err
	}
	if _, err := r.hub.device(id); err != nil {
		return reply{}, err
	}
	return r.identities(modulesOf(r.hub.devices.listModules(), id), maxIdentities), nil
}

func (r *request) identities(list []*device, top int) reply {
	docs := []identityDoc{} // an array, never null
	for d := range r.hub.devices.all(list) {
		if docs = append(docs, r.hub.identityDoc(d.view())); len(docs) == top {
			break
		}
	}
	return reply{body: docs}
}

func (r *request) countDevices() (reply, error) {
	n := r.hub.count()
	return reply{body: map[string]int{
		"totalDeviceCount": n.devices, "enabledDeviceCount": n.devices - n.disabled, "disabledDeviceCount": n.disabled,
	}}, nil
}

func (r *request) countConnected() (reply, error) {
	return reply{body: map[string]int{"connectedDeviceCount": r.hub.count().connected}}, nil
}

// census is how many devices there are; modules do not count.
type census struct{ devices, disabled, connected int }

func (h *Hub) count() (n census) {
	for d := range h.devices.all(h.devices.list()) {
		d.mu.Lock()
		n.devices++
		if d.disabled {
			n.disabled++
		}
		if d.session != nil {
			n.connected++
		}
		d.mu.Unlock()
	}
	return n
}
