package season

import (
	"math"
	"time"
)

// Alignment says what a daily profile follows.
type Alignment uint8

// The alignments.
const (
	// AlignUnknown: there was no change of the clocks, no daily profile, too little history on one side, or the days disagree.
	AlignUnknown Alignment = iota
	// AlignUTC: the profile stayed where it was in UTC.
	AlignUTC
	// AlignLocal: the profile moved with the local clocks.
	AlignLocal
)

// String returns unknown, utc or local.
func (a Alignment) String() string {
	switch a {
	case AlignUTC:
		return "utc"
	case AlignLocal:
		return "local"
	case AlignUnknown:
	}
	return "unknown"
}

const (
	// dstDays is how many days on either side of a change are compared.
	dstDays = 14
	// dstScore is how many standard errors the days' votes must be from zero.
	dstScore = 2
	// minDstBefore and minDstAfter are the least whole days on either side.
	minDstBefore, minDstAfter = 2, 2
)

// DST is what a change of the clocks did to a series.
type DST struct {
	// Alignment is the verdict.
	Alignment Alignment
	// At is the instant of the newest change of the clocks within the history; zero for none.
	At time.Time
	// Change is by how much the offset from UTC grew: +1h in spring, -1h in autumn.
	Change time.Duration
	// Days is how many days after the change were compared with those before.
	Days int
	// Score is the mean vote of those days in standard errors: positive for local time, negative for UTC.
	Score float64
}

// DetectDST decides whether the daily profile of y, whose first step begins at start, moved with the clocks of the location at
// their newest change within the history. Each day after the change votes with the difference of its correlations with the
// median day before: shifted by the change, less unshifted; on the scale of Detect, at most 14 days on either side, at least two.
// A step must divide the change and the day.
func DetectDST(y []float64, start time.Time, step time.Duration, location *time.Location) DST {
	if step <= 0 || day%step != 0 || location == nil {
		return DST{}
	}
	at, change, ok := newestChange(start, start.Add(time.Duration(len(y))*step), location)
	if !ok {
		return DST{}
	}
	out := DST{At: at, Change: change}
	x := prepare(y)
	if x == nil || change%step != 0 {
		return out
	}
	split := int((at.Sub(start) + step - 1) / step)
	perDay := int(day / step)
	before := x[split%perDay : split]
	before = before[max(0, len(before)-dstDays*perDay):]
	after := x[split:min(len(x), split+dstDays*perDay)]
	if len(before) < minDstBefore*perDay || len(after) < minDstAfter*perDay {
		return out
	}
	if !passes(fold(before, perDay, 0, newBuffers(len(before))), candidate{steps: perDay, known: true}) {
		return out
	}
	// A profile that follows local time comes earlier in UTC when the offset grows.
	votes := dayVotes(before, after, perDay, int(change/step))
	out.Days = len(votes)
	out.Score = standardScore(votes)
	out.Alignment = verdict(out.Score)
	return out
}

// verdict turns a score into an alignment.
func verdict(score float64) Alignment {
	switch {
	case score >= dstScore:
		return AlignLocal
	case score <= -dstScore:
		return AlignUTC
	default:
		return AlignUnknown
	}
}

// newestChange returns the newest change of the clocks of a location, if it is inside (from, to).
func newestChange(from, to time.Time, location *time.Location) (at time.Time, change time.Duration, ok bool) {
	local := to.In(location)
	begin, _ := local.ZoneBounds()
	if begin.IsZero() || !begin.After(from) || !begin.Before(to) {
		return time.Time{}, 0, false
	}
	_, now := begin.Zone()
	_, was := begin.Add(-time.Nanosecond).Zone()
	return begin.UTC(), time.Duration(now-was) * time.Second, now != was
}

// dayVotes returns, for each whole day of after, its correlation with the median day of before moved shift steps to the left,
// less that with the median day as it is. Days that are mostly missing, or flat, do not vote.
func dayVotes(before, after []float64, perDay, shift int) []float64 {
	profile := shiftProofProfile(before[len(before)%perDay:], perDay)
	var votes []float64
	for i := 0; i+perDay <= len(after); i += perDay {
		row := after[i : i+perDay]
		moved, stayed := correlation(row, profile, shift), correlation(row, profile, 0)
		if d := moved - stayed; d == d {
			votes = append(votes, d)
		}
	}
	return votes
}

// correlation returns the correlation of a row with a profile that is read shift phases later, over the pairs without NaN; NaN
// when less than half of them are there or one side is flat.
func correlation(row, profile []float64, shift int) float64 {
	var n, sx, sy, sxx, syy, sxy float64
	m := len(profile)
	for j, v := range row {
		p := profile[((j+shift)%m+m)%m]
		if v-p != v-p {
			continue
		}
		n++
		sx += v
		sy += p
		sxx += v * v
		syy += p * p
		sxy += v * p
	}
	vx, vy := sxx-sx*sx/n, syy-sy*sy/n
	if 2*int(n) < len(row) || vx <= 0 || vy <= 0 {
		return math.NaN()
	}
	return (sxy - sx*sy/n) / math.Sqrt(vx*vy)
}

// standardScore returns the mean of v in units of its standard error, 0 for less than two values.
func standardScore(v []float64) float64 {
	n := float64(len(v))
	if n < 2 {
		return 0
	}
	mean, squares := 0.0, 0.0
	for _, x := range v {
		mean += x / n
	}
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return mean / math.Sqrt(max(squares/(n-1)/n, 1e-12))
}
