package device

import (
	"context"
	"errors"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// Between two trials to connect passes a second, then two, four and so on; at most a minute. A
// connection that lasted a minute starts the count anew, so that two clients with the same id, who take the
// connection from each other for ever, do so ever more slowly.
const (
	firstPause = time.Second
	longest    = time.Minute
)

// greetingTime is how long the hub may take to answer what a device asks first.
const greetingTime = 2 * time.Minute

// freshVersion is the version of desired properties that nobody has written yet.
const freshVersion = 1

var errOff = errors.New("the device was switched off meanwhile")

// connect makes one trial. When it returns nil the device has been connected and subscribed; the
// connection may be lost again by then.
func (d *device) connect(ctx context.Context) error {
	l := &link{device: d}
	conn, err := d.in.options.Dial(ctx, wire.Options{Identity: wire.Identity{Device: d.ID}}, l)
	if err != nil {
		return err
	}
	l.use(conn)
	tooLong := d.in.clock.After(greetingTime, func() { conn.Close() })
	changed, err := d.greet(ctx, l)
	tooLong()
	if err == nil {
		err = d.goOnline(l)
	}
	if err != nil {
		conn.Close()
		if ended := l.awaitEnd(context.Background()); ended != nil {
			return ended
		}
		return err
	}
	d.log("debug", "connected")
	if changed {
		d.apply()
	}
	return nil
}

// greet does what comes first on a new connection; methods are subscribed to last, so that their
// steps see the twin. changed says whether the desired properties are news to the device.
func (d *device) greet(ctx context.Context, l *link) (changed bool, err error) {
	d.mu.Lock()
	seen, greeted := max(d.version, freshVersion), d.greeted
	d.mu.Unlock()
	if err := l.subscribe(wire.TwinResponseFeed | wire.DesiredFeed); err != nil {
		return false, err
	}
	if err := d.readTwin(ctx, l); err != nil {
		return false, err
	}
	d.mu.Lock()
	changed = d.version > seen
	lacks := missing(d.reported, d.Profile.Reported)
	d.mu.Unlock()
	if !greeted && len(lacks) > 0 {
		if err := d.reportOver(ctx, l, lacks); err != nil {
			return false, err
		}
	}
	return changed, l.subscribe(d.Profile.feeds())
}

// feeds are what devices of the profile are told of, beside their twins.
func (p *Profile) feeds() wire.Feeds {
	if p.onMessage == nil {
		return wire.MethodFeed
	}
	return wire.MethodFeed | wire.DeviceboundFeed
}

func (l *link) subscribe(feeds wire.Feeds) error {
	return l.conn.Send(wire.Subscribe{Feeds: feeds})
}

// goOnline makes l the device's link, unless it ended or nobody wants it any more.
func (d *device) goOnline(l *link) error {
	d.mu.Lock()
	switch {
	case l.ended:
		d.mu.Unlock()
		return errLost
	case !d.wanted:
		d.mu.Unlock()
		return errOff
	}
	l.since = d.in.clock.Now()
	d.link, d.connecting = l, false
	online, first := d.online, !d.greeted
	d.online, d.greeted = nil, true
	d.mu.Unlock()
	if online != nil {
		online.Resolve(struct{}{})
	}
	if first {
		d.in.pulses.add(d)
		d.in.oneConnected()
	}
	return nil
}

// firstConnect makes the first trial, and leaves others to a party.
func (d *device) firstConnect(ctx context.Context) {
	err := d.connect(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	d.in.trouble(d, err)
	d.mu.Lock()
	d.trials = 1
	d.mu.Unlock()
	d.in.party("device "+d.ID+" connects", d.keepConnecting)
}

// keepConnecting tries until the device is connected or switched off.
func (d *device) keepConnecting(ctx context.Context) {
	said := ""
	for {
		if d.givesUp() || clock.Sleep(ctx, d.in.clock, d.pause()) != nil || d.givesUp() {
			return
		}
		err := d.connect(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if err != errOff && err.Error() != said {
			said = err.Error()
			d.in.trouble(d, err)
		}
	}
}

// pause is how long to wait before the next trial, and counts it.
func (d *device) pause() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.trials == 0 {
		d.trials = 1
		return 0
	}
	full := min(firstPause<<min(d.trials-1, 10), longest)
	d.trials++
	return full/2 + time.Duration(d.random()*float64(full/2))
}

// lasted notes how long a connection was good. The lock is held.
func (d *device) lasted(t time.Duration) {
	if t >= longest {
		d.trials = 0
	}
	d.trials = max(d.trials, 1) // a lost one is not tried again at once
}

// givesUp says whether nobody wants the device to be connected any more.
func (d *device) givesUp() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted {
		d.connecting = false
	}
	return !d.wanted
}

// switchOff ends the connection and waits until it has ended.
func (d *device) switchOff(ctx context.Context) error {
	l := d.leave()
	if l == nil {
		return nil
	}
	return l.awaitEnd(ctx)
}

// leave begins to end the connection, and gives it if there is one.
func (d *device) leave() *link {
	d.mu.Lock()
	d.wanted = false
	l := d.link
	d.mu.Unlock()
	if l != nil {
		l.conn.Close()
	}
	return l
}

// switchOn connects, and waits until the device is connected.
func (d *device) switchOn(ctx context.Context) error {
	d.mu.Lock()
	start := d.link == nil && !d.connecting
	d.wanted = true
	if start {
		d.connecting, d.trials = true, 0
	}
	d.mu.Unlock()
	if start {
		d.in.party("device "+d.ID+" connects", d.keepConnecting)
	}
	_, err := d.awaitOnline(ctx)
	return err
}
