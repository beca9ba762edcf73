package fault

import (
	"fmt"
	"strings"
)

// A Key is one field of a Fault as it is written in a file, in JSON and on a command line.
type Key struct {
	Name  string
	Doc   string
	Form  Form
	Words []string // of Word and Wordlist: what may stand there

	at func(*Fault) value
}

// A Form is how a key's value is written.
type Form int

const (
	Text     Form = iota // gw-7
	Duration             // 500ms
	Offset               // 10m, or -10m
	Share                // 5%
	Count                // a whole number from 1
	Number               // a whole number
	Yes                  // true
	Word                 // one of Words
	Wordlist             // some of Words
)

// Keys are all keys, in the order in which a Fault is written.
func Keys() []Key { return keys[:len(keys):len(keys)] }

var keys = []Key{
	{"id", "Its name, to take it away again; a number unless given.", Text, nil, func(f *Fault) value { return (*text)(&f.ID) }},
	{"device", "The devices: an id, or a pattern with * and ?. All unless given.", Text, nil, func(f *Fault) value { return (*text)(&f.Device) }},
	{"profile", "The devices of a profile.", Text, nil, func(f *Fault) value { return (*text)(&f.Profile) }},
	{"method", "The method, or a pattern. All unless given.", Text, nil, func(f *Fault) value { return (*text)(&f.Method) }},
	{"on", "What it happens to.", Wordlist, occasionWords, func(f *Fault) value { return (*occasions)(&f.On) }},

	{"latency", "It takes longer.", Duration, nil, func(f *Fault) value { return (*length)(&f.Latency) }},
	{"jitter", "latency and disconnectEvery are longer or shorter by up to this.", Duration, nil, func(f *Fault) value { return (*length)(&f.Jitter) }},
	{"loss", "This share of the messages never arrives.", Share, nil, func(f *Fault) value { return (*share)(&f.Loss) }},
	{"duplicate", "This share of the messages arrives twice.", Share, nil, func(f *Fault) value { return (*share)(&f.Duplicate) }},
	{"refuse", "Connecting is refused, as by a hub in trouble or for wrong credentials.", Word, []string{string(Unavailable), string(Unauthorized)}, func(f *Fault) value { return (*refusal)(&f.Refuse) }},
	{"disconnect", "The connection ends: at once, or on the occasions of `on`.", Yes, nil, func(f *Fault) value { return (*yes)(&f.Disconnect) }},
	{"disconnectEvery", "Connections end when they are so old.", Duration, nil, func(f *Fault) value { return (*length)(&f.DisconnectEvery) }},
	{"offline", "The device counts as not connected, and is not let in.", Yes, nil, func(f *Fault) value { return (*yes)(&f.Offline) }},
	{"halfOpen", "Connections stay open and nothing goes through.", Yes, nil, func(f *Fault) value { return (*yes)(&f.HalfOpen) }},
	{"bytesPerSecond", "Connections are this slow, each way.", Count, nil, func(f *Fault) value { return (*count)(&f.BytesPerSecond) }},
	{"methodFailure", "This share of the method calls fails.", Share, nil, func(f *Fault) value { return (*share)(&f.MethodFailure) }},
	{"status", "How methodFailure fails: 404103 (not online), 502 (no JSON) and 504 (no answer) are the hub's, all others the device's. 500 unless given.", Number, nil, func(f *Fault) value { return (*number)(&f.Status) }},
	{"throttle", "Refused with 429 and this Retry-After.", Duration, nil, func(f *Fault) value { return (*length)(&f.Throttle) }},
	{"clockSkew", "The hub's clock is ahead by this, or behind if negative, for the device's tokens and the times it is told.", Offset, nil, func(f *Fault) value { return (*skew)(&f.ClockSkew) }},
	{"loseMethods", "After a reconnect the device is no longer subscribed to methods.", Yes, nil, func(f *Fault) value { return (*yes)(&f.LoseMethods) }},

	{"chance", "How likely it is on each occasion; always unless given.", Share, nil, func(f *Fault) value { return (*share)(&f.Chance) }},
	{"after", "So many occasions of each device pass first.", Count, nil, func(f *Fault) value { return (*count)(&f.After) }},
	{"count", "It strikes each device at most so often.", Count, nil, func(f *Fault) value { return (*count)(&f.Count) }},
	{"from", "When it begins, since it was added.", Duration, nil, func(f *Fault) value { return (*length)(&f.From) }},
	{"until", "When it ends, since it was added.", Duration, nil, func(f *Fault) value { return (*length)(&f.Until) }},
	{"for", "How long it lasts from when it begins.", Duration, nil, func(f *Fault) value { return (*length)(&f.For) }},
}

var occasionWords = []string{
	string(Connects), string(Telemetry), string(Twin), string(Answers), string(Calls), string(Results), string(Desired), string(Messages), string(REST),
}

func keyNamed(name string) *Key {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i]
		}
	}
	return nil
}

// clear takes the key out of f.
func (k *Key) clear(f *Fault) { k.at(f).clear() }

// A Mistake is what is wrong with a Fault, and where.
type Mistake struct {
	Key  string // empty: the whole
	Says string // with what to write instead
}

func (m *Mistake) Error() string {
	if m.Key == "" {
		return m.Says
	}
	return m.Key + ": " + m.Says
}

func mistake(key, format string, args ...any) error {
	return &Mistake{key, fmt.Sprintf(format, args...)}
}

// Set gives f a value by its key, as text. The error is a *Mistake.
func (f *Fault) Set(key, value string) error {
	k := keyNamed(key)
	if k == nil {
		return unknownKey(key)
	}
	if err := k.at(f).set(value); err != nil {
		return mistake(key, "%v", err)
	}
	return nil
}

func unknownKey(key string) error {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
		if strings.EqualFold(k.Name, key) {
			return mistake("", "there is no key %.40q; write %s", key, k.Name)
		}
	}
	return mistake("", "there is no key %.40q; there are %s", key, words(names))
}
