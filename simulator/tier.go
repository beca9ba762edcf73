package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// A Tier is what a hub was bought as, which decides how much it serves: none, F1, B1 to B3 or S1 to S3.
type Tier string

// Unlimited serves everything at once. It is the Tier of a zero Config.
const Unlimited Tier = "none"

// maxUnits is how many units Azure sells of one hub.
const maxUnits = 200

// A quota is one of the things that a hub counts.
type quota uint8

const (
	uncounted      quota = iota
	registryCalls        // to create, read, list, update and delete identities
	methodCalls          // of 4 KB each
	twinReads            // by services and devices together
	twinWrites           // by services and devices together
	queries              // to devices, modules and jobs
	jobCalls             // to create, read, list and cancel jobs
	jobDevices           // devices that a job updates or calls
	connects             // of devices
	telemetrySends       // messages from device to cloud
	quotas               // how many there are
)

// A rate is how often something may be done a minute: the higher of what a hub has in any case and what its
// units have together.
type rate struct{ hub, unit int }

// second and minute are rates as Azure's documentation gives them.
func second(hub, unit int) rate { return rate{hub * 60, unit * 60} }
func minute(unit int) rate      { return rate{0, unit} }

// rates are Azure's operation throttles ("IoT Hub quotas and throttling"), by the number in the tier's name.
var rates = map[byte][quotas]rate{
	'1': {
		registryCalls: minute(100), methodCalls: second(0, 160/4), twinReads: second(100, 0), twinWrites: second(50, 0), queries: minute(20),
		jobCalls: minute(100), jobDevices: second(10, 0), connects: second(100, 12), telemetrySends: second(100, 12),
	},
	'2': {
		registryCalls: minute(100), methodCalls: second(0, 480/4), twinReads: second(100, 10), twinWrites: second(50, 5), queries: minute(20),
		jobCalls: minute(100), jobDevices: second(10, 1), connects: second(0, 120), telemetrySends: second(0, 120),
	},
	'3': {
		registryCalls: minute(5000), methodCalls: second(0, 24<<10/4), twinReads: second(0, 500), twinWrites: second(0, 250), queries: minute(1000),
		jobCalls: minute(5000), jobDevices: second(0, 50), connects: second(0, 6000), telemetrySends: second(0, 6000),
	},
}

var tiers = []Tier{Unlimited, "F1", "B1", "B2", "B3", "S1", "S2", "S3"}

// ParseTier reads a tier, in any case.
func ParseTier(text string) (Tier, error) {
	t := Tier(strings.ToUpper(text))
	if strings.EqualFold(text, string(Unlimited)) {
		t = Unlimited
	}
	if !slices.Contains(tiers, t) {
		return "", fmt.Errorf("%.40q is no tier of a hub; there are S1, S2, S3, F1, B1, B2, B3, and none for a hub without quotas", text)
	}
	return t, nil
}

// activeJobs is how many jobs may run at a time.
func (t Tier) activeJobs() int { return map[byte]int{'1': 1, '2': 5, '3': 10}[t[1]] }

// perMinute is how often something may be done a minute by a hub of some units.
func (t Tier) perMinute(q quota, units int) int {
	r := rates[t[1]][q]
	return max(r.hub, r.unit*units)
}
