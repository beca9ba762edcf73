// Package warden runs a command so that nothing of it outlives it.
//
// Between the command and us stands a warden: this program itself, started once more for each command. Whatever the command starts
// is the warden's, also what leaves the command's process group or detaches itself (on Linux, where the warden is a
// subreaper). It ends all of that when the command has ended, when it is told to, and when we are gone, however we died: it reads a pipe
// that only we can write to, and that the system closes with us. If the warden itself dies, the system kills the command with it (Linux).
//
//	this program ── order ──▶ warden ── starts ──▶ command ──▶ its children
//	             ◀─ report ─         ◀── waits for all of them ──
//
// A program that uses Run calls Ward at the beginning of main.
//
// What is out of reach: a process that has become another user's (setuid), and everything where the system is no Unix. Elsewhere than on
// Linux, what leaves the process group is not found. Which commands may be run is not decided here.
package warden
