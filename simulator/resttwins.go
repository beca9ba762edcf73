package simulator

var twinRoutes = []route{
	{method: "GET", path: "twins/*", need: serviceConnect, serve: (*request).getTwin},
	{method: "PATCH", path: "twins/*", need: serviceConnect, serve: (*request).patchTwin},
	{method: "PUT", path: "twins/*", need: serviceConnect, serve: (*request).putTwin},
	{method: "GET", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).noModule},
	{method: "PATCH", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).noModule},
	{method: "PUT", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).noModule},
}

func (r *request) getTwin() (reply, error) { return twinReply(r.hub.readTwin(r.path[1])) }

func (r *request) patchTwin() (reply, error) { return r.writeTwin(false) }

func (r *request) putTwin() (reply, error) { return r.writeTwin(true) }

func (r *request) writeTwin(replace bool) (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	w, err := parseWrite(body, replace, r.Header.Get("If-Match"))
	if err != nil {
		return reply{}, err
	}
	return twinReply(r.hub.writeTwin(r.path[1], w))
}

func twinReply(v view, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{v.doc(), map[string]string{"ETag": quoted(v.twin.etagText())}}, nil
}

func quoted(etag string) string { return `"` + etag + `"` }

func (r *request) noModule() (reply, error) {
	return reply{}, unknownModule(r.path[1], r.path[3])
}
