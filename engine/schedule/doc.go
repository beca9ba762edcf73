// Package schedule begins runs at times.
//
// A Book has the schedules of a server. It sleeps until the first of their times, asks a Starter to begin the run, and
// sleeps again: one timer for all, and nothing that runs for each. What a schedule has to do next is decided by
// functions that ask no clock, from its text and from what the journal knows of it.
//
// The promises:
//   - A time is begun at most once, in whatever number of processes on one journal, also when one of them dies over
//     it: the mark that stands for it is in the commit that begins the run.
//   - A time that has come is not lost: where the run cannot be begun, it is tried again until it can.
//   - Times that pass while nobody looks (no process, a machine asleep, a clock that was set) are dealt with as
//     the schedule says: not at all, by one run for the latest, or by a run for each of the latest hundred.
//   - The times of one schedule are begun in their order.
//
// What a run is and how it begins is not known here: see the Starter. Which times there are says package cron.
package schedule
