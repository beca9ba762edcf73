package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinbook/twinbook/simulator/wire"
)

const maxMessageID = 128 // characters, as Azure documents

// An outgoing is a message that a service sends to a device.
type outgoing struct {
	device      string // Identity.String of a device or module
	id          string // empty: the hub makes one
	correlation string
	properties  map[string]string
	body        []byte
	expiry      time.Duration // 0: as long as messages are kept
}

// sendMessage puts a message into its device's mailbox, and hands it over if the device is there.
func (h *Hub) sendMessage(o outgoing) (id string, err error) {
	d, err := h.device(o.device)
	if err != nil {
		return "", err
	}
	if err := o.check(); err != nil {
		return "", err
	}
	if o.id == "" {
		o.id = h.messageID(d)
	}
	l, err := o.letter(d.names(), h.clock.Now())
	if err != nil {
		return "", err
	}
	unsaved := h.edit(d, func() bool {
		err = d.post(h, l)
		return false
	})
	return o.id, cmp.Or(err, unsaved)
}

// post puts a letter into the mailbox of d, whose lock is held.
func (d *device) post(h *Hub, l *letter) error {
	if err := d.existsLocked(); err != nil {
		return err
	}
	if d.mail == nil {
		d.mail = &mailbox{clock: h.clock}
	}
	if d.mail.count() >= maxQueued {
		return queueFull.fault("Device queue depth of %d messages is reached", maxQueued).
			saying("%d messages wait for device %s, and a hub keeps no more; let it fetch them, or purge its queue", maxQueued, d.id)
	}
	d.mail.add(l)
	d.hand()
	return nil
}

// messageID makes an id that looks like Azure's and repeats with the hub's seed and clock.
func (h *Hub) messageID(d *device) string {
	sum := h.key("message", d.id, fmt.Sprint(h.clock.Now().UnixNano(), h.tracking.Add(1)))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (o outgoing) check() error {
	switch {
	case len(o.body) > maxDeviceBody:
		return messageTooLarge.fault("The message has %d bytes, and %d are allowed", len(o.body), maxDeviceBody)
	case o.expiry < 0:
		return argumentInvalid.fault("The message's expiry lies in the past").
			saying("a message cannot expire %s before it is sent", length(-o.expiry))
	}
	for _, id := range []string{o.id, o.correlation} {
		if len(id) > maxMessageID || !utf8.ValidString(id) {
			return argumentInvalid.fault("The messageId or correlationId '%s' has more than %d characters, or is not UTF-8", printable(id), maxMessageID)
		}
	}
	return o.checkProperties()
}

func (o outgoing) checkProperties() error {
	for _, name := range slices.Sorted(maps.Keys(o.properties)) {
		if name == "" || strings.HasPrefix(name, "$.") {
			return argumentInvalid.fault("'%s' cannot be the name of a property", printable(name)).
				saying("a message's property cannot be called %q: names are not empty, and those with $. in front are the hub's own", printable(name))
		}
		if !utf8.ValidString(name + o.properties[name]) {
			return argumentInvalid.fault("The property '%s' is not UTF-8", printable(name))
		}
	}
	return nil
}

// letter is the message as the device gets it: the hub's properties first, then those of the application.
func (o outgoing) letter(to wire.Identity, now time.Time) (*letter, error) {
	l := &letter{expires: now.Add(maxKept)}
	l.message.Body = o.body
	add := func(key, value string) {
		l.message.Properties = append(l.message.Properties, wire.Property{Key: key, Value: value})
	}
	add("$.mid", o.id)
	add("$.to", "/"+to.Path()+"/messages/deviceBound")
	if o.expiry > 0 {
		l.expires = now.Add(min(o.expiry, maxKept))
		add("$.exp", timeText(l.expires))
	}
	if o.correlation != "" {
		add("$.cid", o.correlation)
	}
	for _, name := range slices.Sorted(maps.Keys(o.properties)) {
		add(name, o.properties[name])
	}
	if _, _, err := wire.Topic(to, l.message); err != nil {
		return nil, argumentInvalid.fault("The message's properties do not fit a topic: %s", printable(err.Error())).
			saying("the properties of the message to %s do not fit an MQTT topic: %v", o.device, err)
	}
	return l, nil
}

// purge empties the mailbox of a device and says how many messages were in it.
func (h *Hub) purge(id string) (purged int, err error) {
	d, err := h.device(id)
	if err != nil {
		return 0, err
	}
	err = h.edit(d, func() bool {
		if purged = d.mail.count(); purged > 0 {
			d.mail.remove(func(*letter) bool { return true })
		}
		return false
	})
	return purged, err
}
