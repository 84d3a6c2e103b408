// Package hints reads the time of hints: when an event that is known beforehand takes place, once or by a recurrence rule of
// RFC 5545 on the clocks of a time zone, and which events a calendar holds.
package hints
