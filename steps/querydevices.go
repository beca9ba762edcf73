package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
)

var queryDevices = engine.Define(engine.Spec{
	Name:    "queryDevices",
	Summary: "find devices with the hub's query language",
	Doc: "In the query, `${{ }}` may stand only inside a quoted literal, and is escaped there. `where` narrows what the hub found " +
		"by an expression over `twin`, asked for each device here. A real hub's query lags behind by seconds; read a twin to be sure.",
	Example: `
- id: old
  queryDevices:
    query: "SELECT * FROM devices WHERE tags.site = 'berlin'"
    where: semver(twin.reported.firmware) < semver("1.5.0")
- log: ${{ steps.old.count }} devices run old firmware`,
	Delivery: engine.Read,
	Timeout:  30 * time.Second,
	NoDevice: true,
	NeedsHub: true,
}, runQueryDevices)

type queryDevicesParams struct {
	Query engine.QueryText `yaml:"query" required:"true" doc:"The query, such as SELECT * FROM devices WHERE tags.site = 'berlin'."`
	Where *expr.Bound      `yaml:"where" sees:"twin" doc:"What a device's twin must meet as well; a device where it cannot be told is left out."`
	Limit int              `yaml:"limit" min:"1" doc:"The most devices wanted. Without it, more than 1,000 are an error."`
}

type queryDevicesResult struct {
	Devices []any `json:"devices" doc:"Twins for SELECT *, else rows as the hub gave them."`
	Count   int   `json:"count" doc:"How many."`
	More    bool  `json:"more" doc:"Whether limit left some out."`
}

// mostDevices is what a query without a limit may give, so that no run holds a fleet by accident.
const mostDevices = 1000

func runQueryDevices(ctx context.Context, env Env, p queryDevicesParams) (queryDevicesResult, error) {
	limit := p.Limit
	if limit == 0 {
		limit = mostDevices
	}
	result := queryDevicesResult{Devices: []any{}}
	q := hub.Query{Text: string(p.Query), PageSize: min(limit+1, 100)}
	for {
		page, err := env.Hub.Query(ctx, q)
		if err != nil {
			return queryDevicesResult{}, err
		}
		for _, row := range rows(page) {
			keep, err := p.keeps(env, row)
			if err != nil {
				return queryDevicesResult{}, err
			}
			if !keep {
				continue
			}
			if result.Count == limit {
				return p.full(result)
			}
			result.Devices = append(result.Devices, row)
			result.Count++
		}
		if page.Continuation == "" {
			return result, nil
		}
		q.Continuation = page.Continuation
	}
}

func rows(page hub.Page) []map[string]any {
	if page.Rows != nil {
		return page.Rows
	}
	twins := make([]map[string]any, len(page.Twins))
	for i, t := range page.Twins {
		twins[i] = TwinJSON(t)
	}
	return twins
}

func (p queryDevicesParams) keeps(env Env, row map[string]any) (bool, error) {
	if p.Where == nil {
		return true, nil
	}
	return isMet(p.Where, "where", env.Clock.Now(), map[string]any{"twin": env.Mask.Value(row)})
}

// full is the end of a query that found more than its limit.
func (p queryDevicesParams) full(result queryDevicesResult) (queryDevicesResult, error) {
	if p.Limit == 0 {
		return queryDevicesResult{}, &engine.Error{Kind: engine.KindInvalid, Message: fmt.Sprintf(
			"the query found more than %d devices; narrow it, or say how many you want with limit", mostDevices)}
	}
	result.More = true
	return result, nil
}
