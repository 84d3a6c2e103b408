package prometheus

import (
	"fmt"
	"time"

	"pilotlight/collectors"
	"pilotlight/models"
)

// span is the grid of a request: n steps from start on. Step i begins at start+i*step and is evaluated at its end.
type span struct {
	start time.Time
	step  time.Duration
	n     int
}

func newSpan(req collectors.Request) (span, error) {
	switch {
	case req.Step < time.Millisecond || req.Step%time.Millisecond != 0:
		return span{}, fmt.Errorf("step %s is not a whole number of milliseconds: %w", req.Step, models.ErrInvalid)
	case req.Start.UnixNano()%int64(req.Step) != 0 || req.End.UnixNano()%int64(req.Step) != 0:
		return span{}, fmt.Errorf("start %s and end %s are not multiples of the step %s: %w", req.Start.Format(time.RFC3339),
			req.End.Format(time.RFC3339), req.Step, models.ErrInvalid)
	case !req.Start.Before(req.End):
		return span{}, fmt.Errorf("start %s is not before end %s: %w", req.Start.Format(time.RFC3339),
			req.End.Format(time.RFC3339), models.ErrInvalid)
	}
	n := req.End.Sub(req.Start) / req.Step
	if n > models.MaxSeriesLen {
		return span{}, fmt.Errorf("request of %d steps is longer than %d: %w", n, models.MaxSeriesLen, models.ErrInvalid)
	}
	return span{start: req.Start.UTC(), step: req.Step, n: int(n)}, nil
}

// endOf returns the time at which step i is evaluated.
func (s span) endOf(i int) time.Time { return s.start.Add(time.Duration(i+1) * s.step) }

// slice returns the part of k steps from step i on.
func (s span) slice(i, k int) span {
	return span{start: s.start.Add(time.Duration(i) * s.step), step: s.step, n: k}
}

// index returns the step that is evaluated at the time of milliseconds, if there is one.
func (s span) index(at int64) (int, bool) {
	offset, step := at-s.start.UnixMilli(), s.step.Milliseconds()
	if offset <= 0 || offset%step != 0 || offset/step > int64(s.n) {
		return 0, false
	}
	return int(offset/step) - 1, true
}
