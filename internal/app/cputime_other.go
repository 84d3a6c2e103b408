//go:build !linux

package app

import "time"

// threadTime returns the time of the clock, where that of a thread is not to be had.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
