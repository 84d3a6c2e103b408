package api

import "time"

// wallNow is the time of this machine, for latencies and socket deadlines; Deps.Now is the time of the data, which a
// simulation may choose.
func wallNow() time.Time {
	return time.Now() //nolint:forbidigo // sockets and latencies live in real time
}
