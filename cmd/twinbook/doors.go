package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/authority"
)

// Where Azure's SDKs look for a hub.
const (
	defaultHTTPS = "127.0.0.1:443"
	defaultMQTTS = "127.0.0.1:8883"
)

// doorFlags say at which addresses a simulator is reached, and as whom it shows itself there.
type doorFlags struct {
	https, mqtts string // an address or "off"
	http, mqtt   string // an address; empty: closed
	hosts        []string
	state        string   // a folder; empty: the user's
	clientCAs    []string // files
}

// doors are where a simulator is reached; those that are closed are nil.
type doors struct {
	https, mqtts, http, mqtt net.Listener

	host string // its name in connection strings
	ca   string // the file to trust; empty where there is no TLS

	clientCAs *x509.CertPool // have signed certificates of devices; nil where there is no TLS
}

// addresses are the flags once those that nobody gave have their values: both doors with TLS are open unless a door
// without it was asked for.
func (f doorFlags) addresses() doorFlags {
	https, mqtts := defaultHTTPS, defaultMQTTS
	if f.http != "" || f.mqtt != "" {
		https, mqtts = "off", "off"
	}
	if f.https == "" {
		f.https = https
	}
	if f.mqtts == "" {
		f.mqtts = mqtts
	}
	return f
}

// open binds all addresses, or none. The CA is touched last: who may not bind gets no files, either.
func (f doorFlags) open(now time.Time) (d *doors, err error) {
	d = &doors{host: "localhost"}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if err := f.checkHosts(); err != nil {
		return d, err
	}
	if len(f.hosts) > 0 {
		d.host = f.hosts[0]
	}
	f = f.addresses()
	if err := d.bind(f); err != nil {
		return d, err
	}
	switch {
	case d.https != nil || d.mqtts != nil:
		err = d.secure(f, now)
	case len(f.clientCAs) > 0:
		err = errors.New("--client-ca is for devices that come with a certificate, which takes --mqtts or --https")
	}
	return d, err
}

// openedBy is what was opened for which flag.
type openedBy map[string]net.Addr

// at is the flag for which an address was opened already.
func (o openedBy) at(address string) (flag string, ok bool) {
	wanted, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return "", false
	}
	for flag, addr := range o {
		if have, ok := addr.(*net.TCPAddr); ok && have.Port == wanted.Port && (have.IP.Equal(wanted.IP) || have.IP.IsUnspecified() || wanted.IP == nil || wanted.IP.IsUnspecified()) {
			return flag, true
		}
	}
	return "", false
}

func (d *doors) bind(f doorFlags) error {
	opened := openedBy{}
	for _, door := range []struct {
		flag, address string
		secure        bool
		place         *net.Listener
	}{
		{"https", f.https, true, &d.https},
		{"mqtts", f.mqtts, true, &d.mqtts},
		{"http", f.http, false, &d.http},
		{"mqtt", f.mqtt, false, &d.mqtt},
	} {
		if door.address == "" || door.secure && door.address == "off" {
			continue
		}
		l, err := listen(door.flag, door.address, door.secure)
		if other, ok := opened.at(door.address); err != nil && ok {
			return fmt.Errorf("--%s and --%s name the same address, %s; each needs one of its own, and port 0 picks a free one", other, door.flag, door.address)
		}
		if err != nil {
			return err
		}
		*door.place = l
		opened[door.flag] = l.Addr()
	}
	if len(present(d.https, d.mqtts, d.http, d.mqtt)) == 0 {
		return errors.New("with --https off and --mqtts off nobody could reach the simulator; leave one out, or give --http or --mqtt an address")
	}
	return nil
}

// secure puts TLS before the doors that have it.
func (d *doors) secure(f doorFlags, now time.Time) error {
	folder, err := f.folder()
	if err != nil {
		return err
	}
	ca, err := authority.Open(folder, now)
	if err != nil {
		return explainFolder(folder, err)
	}
	certificate, err := ca.ServerCertificate(now, f.hosts...)
	if err != nil {
		return fmt.Errorf("--host: %w", err)
	}
	d.ca = ca.File()
	if d.clientCAs, err = f.trusted(ca); err != nil {
		return err
	}
	for _, l := range []*net.Listener{&d.https, &d.mqtts} {
		if *l != nil {
			*l = tls.NewListener(*l, simulator.TLSConfig(certificate))
		}
	}
	return nil
}

// trusted are the CAs that may have signed a device's certificate: the simulator's own and those of the files.
func (f doorFlags) trusted(own *authority.Authority) (*x509.CertPool, error) {
	all := x509.NewCertPool()
	all.AddCert(own.Certificate())
	for _, file := range f.clientCAs {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--client-ca: %w", err)
		}
		if !all.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--client-ca: %s holds no certificate in PEM", file)
		}
	}
	return all, nil
}

// folder is where the CA is kept.
func (f doorFlags) folder() (string, error) {
	if f.state != "" {
		return f.state, nil
	}
	user, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no place for the simulator's CA (%w); name a folder with --state DIR", err)
	}
	return filepath.Join(user, "twinbook", "simulator"), nil
}

// explainFolder says what the folder of the CA lacks and what to do, where it is the folder that is wrong.
func explainFolder(folder string, err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%v: this user may not read and write files in %s; --state DIR chooses another folder", err, folder)
	case errors.As(err, &path):
		return fmt.Errorf("%v: it is kept in %s; --state DIR chooses another folder", err, folder)
	}
	return err
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)

func (f doorFlags) checkHosts() error {
	for _, host := range f.hosts {
		if net.ParseIP(host) == nil && !hostName.MatchString(host) {
			return fmt.Errorf("--host %q: write a name or an IP address, without a port", host)
		}
	}
	return nil
}

func (d *doors) close() {
	for _, l := range present(d.https, d.mqtts, d.http, d.mqtt) {
		l.Close()
	}
}

// present are the doors that are open.
func present(all ...net.Listener) []net.Listener {
	var open []net.Listener
	for _, l := range all {
		if l != nil {
			open = append(open, l)
		}
	}
	return open
}

// forServices is the hub's host as the connection strings of policies have it.
func (d *doors) forServices() string {
	switch {
	case d.https != nil:
		return d.named(d.https, "443")
	case d.http != nil:
		return d.http.Addr().String()
	}
	return d.host
}

// forDevices is the hub's host as the connection strings of devices have it. A hub without a door for MQTT is
// reached over WebSocket.
func (d *doors) forDevices() string {
	switch {
	case d.mqtts != nil:
		return d.named(d.mqtts, "8883")
	case d.mqtt != nil:
		return d.mqtt.Addr().String()
	}
	return d.forServices()
}

// named is the hub's name, with the port where it is not the one that clients take by themselves.
func (d *doors) named(l net.Listener, usual string) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	switch {
	case err == nil && port != usual:
		return net.JoinHostPort(d.host, port)
	case strings.Contains(d.host, ":"):
		return "[" + d.host + "]"
	}
	return d.host
}
