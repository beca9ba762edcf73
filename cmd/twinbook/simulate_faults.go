package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/fault"
)

// faultFlags are the flags of `simulate` for what goes wrong, as they were written.
type faultFlags struct {
	specs []string
	tier  string
	units int
}

func (f *faultFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.specs, "fault", nil, "what goes wrong, such as 'device=gw-7 method=reboot latency=2s'; may be repeated")
	flags.StringVar(&f.tier, "tier", string(simulator.Unlimited), "the quotas of a hub: S1, S2, S3, F1, B1, B2, B3 or none")
	flags.IntVar(&f.units, "units", 1, "how many units of the tier the hub has")
}

// troubles are what faultFlags say; the zero value is that all is well.
type troubles struct {
	faults []fault.Fault
	tier   simulator.Tier
	units  int
}

func (f *faultFlags) parse() (t troubles, err error) {
	if t.tier, err = simulator.ParseTier(f.tier); err != nil {
		return t, fmt.Errorf("--tier: %w", err)
	}
	if t.units = f.units; t.units < 1 {
		return t, fmt.Errorf("--units %d: a hub has one at least", t.units)
	}
	for _, spec := range f.specs {
		one, err := fault.Parse(spec)
		if err != nil {
			return t, fmt.Errorf("--fault '%s': %w", clean(spec), err)
		}
		t.faults = append(t.faults, one)
	}
	return t, nil
}

// addFaults puts the faults of the file and then more in force: they count their time from now, when all devices are
// connected.
func (d *desk) addFaults(more []fault.Fault) error {
	for _, f := range more {
		if !d.knows(f.Device) {
			return fmt.Errorf("fault '%s': device: the simulator has no device %.80q; give one of the file, or a pattern with * and ?", f, f.Device)
		}
	}
	for _, f := range slices.Concat(d.fleet.Faults, more) {
		if _, err := d.hub.AddFault(f); err != nil {
			return fmt.Errorf("fault '%s': %w", f, err)
		}
	}
	return nil
}

// knows says whether there is a device that a fault names. Patterns may mean devices that are made later, and so may
// modules.
func (d *desk) knows(named string) bool {
	id, _, _ := strings.Cut(named, "/")
	return named == "" || strings.ContainsAny(named, "*?") || slices.Contains(d.hub.Devices(), id)
}
