// Package state keeps records on disk, in a folder that one process has to itself.
//
// A record has a kind, a key and a JSON value; the last value written counts. Write returns when the
// operating system has the bytes, so what was written outlives a process that is killed. It is on
// the disk a second later, or when Close returns: a machine that loses power may lose that second, and
// nothing older.
//
// On disk there is a log of lines that is only ever appended to: each has a checksum and a number, so
// that no line can be damaged, missing or doubled unnoticed. A last line without an end, as a crash leaves
// it, is dropped and counted; all else that is not as it was written is an error, and the log stays as it
// is. Lines whose record was written anew are cleared away in the background, in a new file that
// takes the place of the old one at once or not at all.
//
// This is no database: all keys are in memory, there are no transactions across processes and no
// queries. What records mean is not known here.
package state
