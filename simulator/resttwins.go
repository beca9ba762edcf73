package simulator

var twinRoutes = []route{
	{method: "GET", path: "twins/*", need: serviceConnect, serve: (*request).getTwin, quota: twinReads},
	{method: "PATCH", path: "twins/*", need: serviceConnect, serve: (*request).patchTwin, quota: twinWrites},
	{method: "PUT", path: "twins/*", need: serviceConnect, serve: (*request).putTwin, quota: twinWrites},
	{method: "GET", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).getTwin, quota: twinReads},
	{method: "PATCH", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).patchTwin, quota: twinWrites},
	{method: "PUT", path: "twins/*/modules/*", need: serviceConnect, serve: (*request).putTwin, quota: twinWrites},
}

func (r *request) getTwin() (reply, error) {
	id, err := r.target()
	if err != nil {
		return reply{}, err
	}
	return twinReply(r.hub.readTwin(id))
}

func (r *request) patchTwin() (reply, error) { return r.writeTwin(false) }

func (r *request) putTwin() (reply, error) { return r.writeTwin(true) }

func (r *request) writeTwin(replace bool) (reply, error) {
	id, err := r.target()
	if err != nil {
		return reply{}, err
	}
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	w, err := parseWrite(body, replace, r.Header.Get("If-Match"))
	if err != nil {
		return reply{}, err
	}
	return twinReply(r.hub.writeTwin(id, w))
}

func twinReply(v view, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{body: v.doc(), header: map[string]string{"ETag": quoted(v.twin.etagText())}}, nil
}

func quoted(etag string) string { return `"` + etag + `"` }
