package server

import "github.com/twinbook/twinbook/server/access"

// A route is a kind of request, and who may send it.
type route struct {
	pattern string
	role    string // that who asks must have, or known; empty: nobody has to say who they are
	action  string // what it is in the audit trail; empty: it changes nothing
	answer  func(*Server, *call) error
}

// known stands for all roles: of whoever the server knows.
const known = "known"

// routes are all that the server answers, but for /metrics. openapi.yaml describes each of them.
var routes = []route{
	{"GET /api/v1/workflows", access.Viewer, "", (*Server).listWorkflows},
	{"GET /api/v1/workflows/{workflow}", access.Viewer, "", (*Server).showWorkflow},
	{"POST /api/v1/validate", access.Viewer, "", (*Server).validate},

	{"POST /api/v1/runs", access.Operator, "runs.start", (*Server).startRun},
	{"GET /api/v1/runs", access.Viewer, "", (*Server).listRuns},
	{"GET /api/v1/runs/{run}", access.Viewer, "", (*Server).showRun},
	{"GET /api/v1/runs/{run}/events", access.Viewer, "", (*Server).runEvents},
	{"POST /api/v1/runs/{run}/cancel", access.Operator, "runs.cancel", (*Server).cancelRun},
	{"POST /api/v1/runs/{run}/pause", access.Operator, "runs.pause", (*Server).pauseRun},
	{"POST /api/v1/runs/{run}/resume", access.Operator, "runs.resume", (*Server).resumeRun},
	{"POST /api/v1/runs/{run}/retry", access.Operator, "runs.retry", (*Server).retryRun},
	{"POST /api/v1/runs/{run}/signal", access.Operator, "runs.signal", (*Server).signalRun},
	{"POST /api/v1/runs/{run}/approve", known, "runs.approve", (*Server).approveRun}, // the approve itself says who may
	{"POST /api/v1/runs/{run}/reject", known, "runs.reject", (*Server).rejectRun},

	{"GET /api/v1/schedules", access.Viewer, "", (*Server).listSchedules},
	{"GET /api/v1/schedules/{workflow}/{schedule}/next", access.Viewer, "", (*Server).nextTimes},
	{"POST /api/v1/schedules/{workflow}/{schedule}/pause", access.Operator, "schedules.pause", (*Server).pauseSchedule},
	{"POST /api/v1/schedules/{workflow}/{schedule}/resume", access.Operator, "schedules.resume", (*Server).resumeSchedule},
	{"POST /api/v1/schedules/{workflow}/{schedule}/backfill", access.Operator, "schedules.backfill", (*Server).backfillSchedule},

	{"POST /api/v1/hooks/{hook}", "", "hooks.start", (*Server).receiveHook}, // who may, the hook itself says

	{"GET /api/v1/devices", access.Viewer, "", (*Server).listDevices},
	{"GET /api/v1/devices/{device}/twin", access.Viewer, "", (*Server).showTwin},
	{"PATCH /api/v1/devices/{device}/twin", access.Operator, "devices.update", (*Server).updateTwin},
	{"POST /api/v1/devices/{device}/methods/{method}", access.Operator, "devices.call", (*Server).callMethod},

	{"GET /api/v1/audit", access.Admin, "", (*Server).listAudit},

	{"GET /api/v1/openapi.yaml", access.Viewer, "", (*Server).openAPIYAML},
	{"GET /api/v1/openapi.json", access.Viewer, "", (*Server).openAPIJSON},
	{"GET /healthz", "", "", (*Server).health},
	{"GET /readyz", "", "", (*Server).ready},
}

// metricsPattern is that of the metrics page, whose answer is not ours.
const metricsPattern = "GET /metrics"
