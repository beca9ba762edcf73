// Package fault is what goes wrong on purpose between devices and their hub.
//
// A Fault says what goes wrong, for which devices, on which occasions and how often. It is plain data
// with three forms: JSON, the keys of a simulator file, and a line of text for the command line:
//
//	device=gw-* method=reboot latency=2s jitter=500ms chance=10% count=3
//
// A Set holds the faults that are in force. It is asked on each Occasion, and its Verdict says what
// happens. Chance repeats: each fault has for each device a source of its own, made of the seed, the
// fault's id and the device's, so that what strikes one device does not depend on what others do.
//
// Nothing is done here: no clock, no connection, no lock. How a hub delays, loses and refuses is known
// to package simulator.
package fault
