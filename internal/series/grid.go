package series

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// repairs count what was done to bring rows onto a grid.
type repairs struct {
	unordered, duplicates, gaps int
}

func (r *repairs) notes() []string {
	var out []string
	for _, n := range []struct {
		count int
		what  string
	}{
		{r.unordered, "%d rows were out of order and have been sorted by time"},
		{r.duplicates, "%d rows have the time of a later row, which has been taken instead"},
		{r.gaps, "%d steps have no row and count as missing values"},
	} {
		if n.count > 0 {
			out = append(out, fmt.Sprintf(n.what, n.count))
		}
	}
	return out
}

// How even times must be: differences may be off a multiple of the step by a quarter of it, and all but a tenth must be.
const (
	jitter    = 0.25
	irregular = 0.10
)

// grid sorts the samples by time and gives each a step of its own; of duplicates the last row wins, and steps without a row become
// NaN. The step is that of the options, else the most common difference.
func (s *samples) grid(opt Options, done *repairs) (Series, error) {
	out := Series{Name: s.name, Step: opt.Step}
	s.sort(done)
	if out.Step == 0 {
		out.Step = s.commonStep()
	}
	out.Start = time.Unix(0, s.times[0]).In(opt.Location)
	if out.Step == 0 { // a single time
		out.Values = s.values
		return out, nil
	}
	places, err := s.places(out.Step, opt.Step > 0)
	if err != nil {
		return out, err
	}
	out.Values = make([]float64, places[len(places)-1]+1)
	for i := range out.Values {
		out.Values[i] = math.NaN()
	}
	filled := 1
	for i, v := range s.values {
		switch {
		case i == 0:
		case places[i] == places[i-1]:
			done.duplicates++
		default:
			filled++
		}
		out.Values[places[i]] = v
	}
	done.gaps += len(out.Values) - filled
	return out, nil
}

// places returns the step of each sample. They add up the differences, each rounded to whole steps, so that a clock that drifts, or
// months of different lengths, do not lose or gain a step.
func (s *samples) places(step time.Duration, given bool) ([]int, error) {
	odd := 0
	places := make([]int, len(s.times))
	for i := 1; i < len(s.times); i++ {
		steps := float64(s.times[i]-s.times[i-1]) / float64(step)
		whole := math.Round(steps)
		if whole < 1 || math.Abs(steps-whole) > jitter {
			odd++
		}
		if float64(places[i-1])+whole >= maxSteps {
			return nil, fmt.Errorf("from %s to %s there are more than %d steps of %s; mend the times, or split the file",
				stamp(s.times[0]), stamp(s.times[i]), maxSteps, step)
		}
		places[i] = places[i-1] + int(whole)
	}
	if n := len(s.times) - 1; float64(odd) > irregular*float64(n) {
		origin := "the most common one"
		if given {
			origin = "the step that was given"
		}
		return nil, fmt.Errorf("its times are too irregular: %d of %d differences are no multiple of %s, %s; resample it to a fixed step, or name the right one with --step",
			odd, n, step, origin)
	}
	return places, nil
}

func stamp(nanoseconds int64) string { return time.Unix(0, nanoseconds).UTC().Format(time.RFC3339) }

// sort orders the samples by time, keeping the order of the rows of the same time, and drops all but the last of those.
func (s *samples) sort(done *repairs) {
	if !slices.IsSorted(s.times) {
		order := make([]int, len(s.times))
		for i := range order {
			order[i] = i
			if i > 0 && s.times[i] < s.times[i-1] {
				done.unordered++
			}
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.times[a], s.times[b]) })
		times, values := make([]int64, len(order)), make([]float64, len(order))
		for to, from := range order {
			times[to], values[to] = s.times[from], s.values[from]
		}
		s.times, s.values = times, values
	}
	n := 0
	for i, at := range s.times {
		if n > 0 && s.times[n-1] == at {
			n--
			done.duplicates++
		}
		s.times[n], s.values[n] = at, s.values[i]
		n++
	}
	s.times, s.values = s.times[:n], s.values[:n]
}

// commonStep returns the most common difference between neighbours, the smallest of several, 0 for a single time. Differences are
// compared to the millisecond, so that clocks that jitter by less still agree.
func (s *samples) commonStep() time.Duration {
	diffs := make([]int64, 0, len(s.times))
	for i := 1; i < len(s.times); i++ {
		diffs = append(diffs, max(1, (s.times[i]-s.times[i-1]+5e5)/1e6))
	}
	slices.Sort(diffs)
	best, most := int64(0), 0
	for i := 0; i < len(diffs); {
		j := i
		for j < len(diffs) && diffs[j] == diffs[i] {
			j++
		}
		if j-i > most {
			best, most = diffs[i], j-i
		}
		i = j
	}
	step := time.Duration(best) * time.Millisecond
	if round := step.Round(time.Second); math.Abs(float64(round-step)) < 0.01*float64(step) {
		return round // a clock that jitters means whole seconds
	}
	return step
}
