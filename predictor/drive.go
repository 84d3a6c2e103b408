package predictor

import "math"

// drive follows the part of a series that its level and seasons leave: an autocorrelated course under white noise,
//
//	d = p + v,  p' = ρp + w
//
// with var(p) = S and var(v) = N. The autocovariances of d are c0 = S + N and ck = S·ρ^k, so ρ and S follow from c1 and c3, and
// the gain κ of the steady Kalman filter from them (Harvey, "Forecasting, Structural Time Series Models and the Kalman
// Filter", 1989, section 3.3). On noise alone the forecast stays on the seasons; on a course without noise it follows the
// last value.
type drive struct {
	state  float64    // p
	rho    float64    // ρ
	n      int        // values measured
	last   [3]float64 // the values of d at lags 1 to 3
	c0, c1 float64
	c3     float64
}

// maxRho keeps the course from being a random walk, and driveClip is how many deviations of d an autocovariance takes in: one
// burst must not look like a course.
const (
	maxRho    = 0.98
	driveClip = 4
	// driveYoung is how many values there must be before there is a deviation.
	driveYoung = 10
)

// step takes in d, NaN if it is missing, and returns the error of the forecast ρp.
func (a *drive) step(d float64, memory int) float64 {
	a.state *= a.rho
	e := d - a.state
	if e != e {
		return e
	}
	a.measure(d, memory)
	rho, gain := a.solve()
	a.rho = rho
	a.state += gain * e
	return e
}

// measure takes d into the autocovariances.
func (a *drive) measure(d float64, memory int) {
	a.n = min(a.n+1, math.MaxInt32)
	rate := 1 / float64(min(a.n, memory))
	if limit := driveClip * math.Sqrt(a.c0); a.n > driveYoung {
		d = max(-limit, min(d, limit))
	}
	a.c0 += (d*d - a.c0) * rate
	a.c1 += (d*a.last[0] - a.c1) * rate
	a.c3 += (d*a.last[2] - a.c3) * rate
	a.last[2], a.last[1], a.last[0] = a.last[1], a.last[0], d
}

// solve returns ρ and κ for the autocovariances so far.
func (a *drive) solve() (rho, gain float64) {
	if !(a.c1 > 0 && a.c0 > 0) {
		return 0, 1
	}
	rho = min(math.Sqrt(max(a.c3, 0)/a.c1), maxRho)
	if r1 := a.c1 / a.c0; rho < r1 { // less than white noise would leave: there is none
		return min(r1, maxRho), 1
	}
	signal := min(a.c1/(rho*a.c0), 1) // S and N as shares of c0
	noise := 1 - signal
	q := (1 - rho*rho) * signal
	b := noise*(1-rho*rho) - q
	prior := (math.Sqrt(b*b+4*q*noise) - b) / 2
	return rho, prior / (prior + noise)
}

func (a *drive) write(w *writer) {
	for _, v := range []float64{a.state, a.rho, a.last[0], a.last[1], a.last[2], a.c0, a.c1, a.c3} {
		w.float(v)
	}
	w.int(a.n)
}

func (a *drive) read(r *reader, limit float64) {
	a.state, a.rho = r.float(-limit, limit), r.float(0, maxRho)
	for i := range a.last {
		a.last[i] = r.float(-limit, limit)
	}
	square := limit * limit
	a.c0, a.c1, a.c3 = r.float(0, square), r.float(-square, square), r.float(-square, square)
	a.n = r.int(0, math.MaxInt32)
}
