package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"pilotlight/collectors/trace"
)

const (
	microsPerMinute = int64(time.Minute / time.Microsecond)
	microsPerMilli  = int64(time.Millisecond / time.Microsecond)

	// z99 is the 99th percentile of the standard normal distribution.
	z99 = 2.326
	// shortest and longest bound durations. The tail of a fitted lognormal has no end, but AWS Lambda ends an invocation after
	// 15 minutes; a function whose p99 is longer runs elsewhere.
	shortest = microsPerMilli
	longest  = 15 * microsPerMinute
)

// arrivals makes the invocations of one function, with whole microseconds since the start of the trace: the invocations of a
// minute come at uniform times, their durations are lognormal with the median p50 and sigma = ln(p99/p50)/z99, or all avg if
// p50 or p99 is unknown. They depend only on the seed, the name of the function and the minute, so that every policy meets the
// same ones.
type arrivals struct {
	rows []trace.Row // still to come
	key  [2]uint64
	pcg  rand.PCG
	rng  *rand.Rand

	constant  int64 // the duration of all invocations, 0 if lognormal
	mu, sigma float64
	most      float64

	// minute is the start of the present minute, left how many invocations of it are still to come, and ahead the part of it
	// that is after the last arrival.
	minute int64
	left   int32
	ahead  float64

	// at and duration are the next invocation; at is never after the last one.
	at, duration int64
}

func newArrivals(seed uint64, f *trace.Function, rows []trace.Row) *arrivals {
	sum := sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, seed), f.Name...))
	a := &arrivals{
		rows: rows,
		key:  [2]uint64{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])},
	}
	a.rng = rand.New(&a.pcg) //nolint:gosec // a simulation needs numbers that repeat, not secrets
	if f.P50MS == 0 || f.P99MS == 0 {
		a.constant = max(shortest, int64(math.Round(f.AvgMS*float64(microsPerMilli))))
	} else {
		a.mu = math.Log(f.P50MS * float64(microsPerMilli))
		a.sigma = max(0, math.Log(f.P99MS/f.P50MS)/z99)
		a.most = max(float64(longest), f.P99MS*float64(microsPerMilli))
	}
	a.next()
	return a
}

// next moves on to the next invocation.
func (a *arrivals) next() {
	if a.left == 0 {
		if len(a.rows) == 0 {
			a.at = never
			return
		}
		row := a.rows[0]
		a.rows = a.rows[1:]
		a.minute, a.left, a.ahead = int64(row.Minute)*microsPerMinute, row.Count, 1
		a.pcg.Seed(a.key[0], a.key[1]^scramble(uint64(row.Minute))) //nolint:gosec // a minute is not negative
	}
	// The least of n uniform numbers leaves 1-u of the interval with (1-u)^n uniform, that is 1-u = exp(-e/n) with an
	// exponential e; the others are uniform in what is left. So arrivals come in order without sorting or storing them.
	a.ahead *= math.Exp(-a.rng.ExpFloat64() / float64(a.left))
	a.left--
	a.at = a.minute + min(int64((1-a.ahead)*float64(microsPerMinute)), microsPerMinute-1)
	a.duration = a.constant
	if a.constant == 0 {
		d := math.Exp(a.mu + a.sigma*a.rng.NormFloat64())
		a.duration = max(shortest, int64(math.Round(min(d, a.most))))
	}
}

// scramble spreads the bits of a small number over all bits, by the output function of SplitMix64 (Steele, Lea, Flood 2014), so
// that neighbouring minutes get unrelated random numbers.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
