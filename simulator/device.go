package simulator

import (
	"fmt"
	"slices"

	"github.com/twinbook/twinbook/simulator/wire"
)

// A Device is what a new device begins with. Only the ID is needed.
type Device struct {
	ID           string
	Disabled     bool // known, but not let in; nor are its modules
	StatusReason string

	// Tags and Desired are written as a service would right after making the device.
	Tags    map[string]any
	Desired map[string]any

	// Authentication is how the device proves who it is. Empty: SelfSigned if a thumbprint is given,
	// else SAS.
	Authentication Authentication

	// PrimaryKey and SecondaryKey, for SAS, have 16 to 64 bytes. Empty: derived from the hub's secret.
	PrimaryKey, SecondaryKey []byte

	// PrimaryThumbprint and SecondaryThumbprint, for SelfSigned, are the SHA-1 or SHA-256 of
	// certificates in hexadecimal.
	PrimaryThumbprint, SecondaryThumbprint string

	Edge    bool     // capabilities.iotEdge; it changes nothing
	Modules []Module // its modules
}

// A Module is what a new module of a device begins with. Its fields are those of a Device.
type Module struct {
	ID        string
	ManagedBy string

	Tags    map[string]any
	Desired map[string]any

	Authentication                         Authentication
	PrimaryKey, SecondaryKey               []byte
	PrimaryThumbprint, SecondaryThumbprint string
}

// AddDevice makes a device with its modules, switched off. The error says what about it cannot be;
// then nothing was made.
func (h *Hub) AddDevice(def Device) error {
	all, err := def.registrations()
	for i := 0; i < len(all) && err == nil; i++ {
		if _, err = h.register(all[i]); err != nil && i > 0 {
			h.remove(def.ID, "")
		}
	}
	if err != nil {
		return fmt.Errorf("simulator: device %.140s: %w", def.ID, err)
	}
	return nil
}

func (def Device) registrations() ([]registration, error) {
	r := registration{
		id: wire.Identity{Device: def.ID}, create: true, derived: true,
		change: identityChange{
			disabled: unlessZero(def.Disabled), reason: unlessZero(def.StatusReason), edge: unlessZero(def.Edge),
			credentials: someCredentials(def.Authentication, def.PrimaryKey, def.SecondaryKey, def.PrimaryThumbprint, def.SecondaryThumbprint),
		},
	}
	var err error
	if r.twin, err = firstWrite(def.Tags, def.Desired); err != nil {
		return nil, err
	}
	all := []registration{r}
	for _, m := range def.Modules {
		r, err := m.registration(def.ID)
		if err != nil {
			return nil, fmt.Errorf("module %.140s: %w", m.ID, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func (m Module) registration(device string) (registration, error) {
	if m.ID == "" {
		return registration{}, argumentInvalid.fault("a module has an ID")
	}
	write, err := firstWrite(m.Tags, m.Desired)
	return registration{
		id: wire.Identity{Device: device, Module: m.ID}, create: true, derived: true, twin: write,
		change: identityChange{
			managedBy:   unlessZero(m.ManagedBy),
			credentials: someCredentials(m.Authentication, m.PrimaryKey, m.SecondaryKey, m.PrimaryThumbprint, m.SecondaryThumbprint),
		},
	}, err
}

func unlessZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// someCredentials are nil for those that all devices have without being asked.
func someCredentials(kind Authentication, primary, secondary []byte, thumbprint, secondThumbprint string) *credentials {
	c := credentials{kind, [2][]byte{slices.Clone(primary), slices.Clone(secondary)}, [2]string{thumbprint, secondThumbprint}}.ofKind()
	if c.kind == SAS && len(primary) == 0 && len(secondary) == 0 {
		return nil
	}
	return &c
}

func firstWrite(tags, desired map[string]any) (*serviceWrite, error) {
	if tags == nil && desired == nil {
		return nil, nil
	}
	w, err := valuesToWrite(tags, desired, "")
	return &w, err
}
