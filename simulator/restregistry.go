package simulator

var registryRoutes = []route{
	{method: "GET", path: "devices/*", need: registryRead, serve: (*request).getIdentity},
	{method: "GET", path: "devices/*/modules/*", need: registryRead, serve: (*request).noModule},
}

func (r *request) getIdentity() (reply, error) {
	doc, err := r.hub.identity(r.path[1])
	return reply{doc, map[string]string{"ETag": quoted(doc.ETag)}}, err
}
