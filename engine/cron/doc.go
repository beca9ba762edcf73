// Package cron reads the times of schedules, and says which time comes next.
//
// A text is five fields, as crontab(5) has them: minute, hour, day of month, month, day of week; or a word such as
// @daily; or @every with a duration. What is wrong with a text is said together with what to write instead.
//
// Times are those of a clock on the wall, which daylight saving puts forward and back. A time that the clock
// leaves out runs right after the gap. A time that comes twice runs once, the first time. Schedules of every hour
// follow the time that passes: they run in both hours that look the same, and make up for nothing. So none of a
// schedule's days is lost, and none has a run too many.
//
// It knows no clock and starts nothing: see package schedule.
package cron
