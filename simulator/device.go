package simulator

import (
	"fmt"
	"slices"
	"time"

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
func (h *Hub) AddDevice(def Device) error { return h.AddDevices(def, []string{def.ID}) }

// AddDevices makes devices that differ in their ids only; def.ID is not looked at. They share all that def
// says until something changes it, so a hundred thousand take less time and room than one by one. Those
// before the one that cannot be made are there.
func (h *Hub) AddDevices(def Device, ids []string) error {
	all, err := def.registrations(h.clock.Now())
	for _, id := range ids {
		if err == nil {
			err = h.addDevice(id, all)
		}
		if err != nil {
			return fmt.Errorf("simulator: device %.140s: %w", id, err)
		}
	}
	return nil
}

// addDevice makes a device and its modules, all of them or none.
func (h *Hub) addDevice(id string, all []registration) error {
	for i, r := range all {
		r.id.Device = id
		if _, err := h.register(r); err != nil {
			if i > 0 {
				h.remove(id, "")
			}
			return err
		}
	}
	return nil
}

// registrations are those of a device and its modules, without the device's id.
func (def Device) registrations(now time.Time) ([]registration, error) {
	r := registration{
		create: true, derived: true,
		change: identityChange{
			disabled: unlessZero(def.Disabled), reason: unlessZero(def.StatusReason), edge: unlessZero(def.Edge),
			credentials: someCredentials(def.Authentication, def.PrimaryKey, def.SecondaryKey, def.PrimaryThumbprint, def.SecondaryThumbprint),
		},
	}
	var err error
	if r.first, err = firstTwin(def.Tags, def.Desired, now); err != nil {
		return nil, err
	}
	all := []registration{r}
	for _, m := range def.Modules {
		r, err := m.registration(now)
		if err != nil {
			return nil, fmt.Errorf("module %.140s: %w", m.ID, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func (m Module) registration(now time.Time) (registration, error) {
	if m.ID == "" {
		return registration{}, argumentInvalid.fault("a module has an ID")
	}
	first, err := firstTwin(m.Tags, m.Desired, now)
	return registration{
		id: wire.Identity{Module: m.ID}, create: true, derived: true, first: first,
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

// firstTwin is what a twin begins with; nil: as the hub makes one.
func firstTwin(tags, desired map[string]any, now time.Time) (*twin, error) {
	if tags == nil && desired == nil {
		return nil, nil
	}
	w, err := valuesToWrite(tags, desired, "")
	if err != nil {
		return nil, err
	}
	t := newTwin(now)
	_, err = t.apply(w, now)
	return &t, err
}
