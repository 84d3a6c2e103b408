package advice

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// shiftRatio is from how many times the usual load on, or below its inverse, a level has shifted.
const shiftRatio = 1.5

// brief tells the advisor what is known: the targets with most load, and the groups of those for which there is no room.
func (s *Service) brief(ctx context.Context, config *advisor.Config, text string) (advisor.Brief, error) {
	zone, err := config.Zone()
	if err != nil {
		return advisor.Brief{}, err
	}
	now := s.deps.Now()
	b := advisor.Brief{
		Now: now, Zone: zone, Step: s.deps.Step, Hints: s.deps.Hints.Hints(), Text: text, Members: s.deps.Members,
	}
	for _, n := range s.Notes() {
		b.Notes = append(b.Notes, advisor.Note{At: n.At, Kind: n.Kind, Target: n.Target, Group: n.Group, Text: n.Text})
	}
	all := s.deps.Fleet.Targets()
	slices.SortStableFunc(all, func(x, y models.TargetStatus) int { return cmp.Compare(weight(&y), weight(&x)) })
	most := config.Prompt.MaxSubjects
	groups := groupsOf(all)
	shown := len(all)
	if shown > most {
		shown = max(most-min(len(groups), most/2), 0)
	}
	for i := range all[:shown] {
		b.Subjects = append(b.Subjects, s.targetSubject(ctx, &all[i], now, zone))
	}
	if shown < len(all) {
		for _, g := range groups[:min(len(groups), most-shown)] {
			b.Subjects = append(b.Subjects, s.groupSubject(ctx, g, now, zone))
		}
	}
	return b, context.Cause(ctx)
}

// weight is how much there is to lose with a target: the memory that its load keeps busy.
func weight(t *models.TargetStatus) float64 {
	w := t.Invocations * t.Target.MemoryMB * max(t.Duration, 0.001)
	if math.IsNaN(w) {
		return 0
	}
	return w
}

// group is a group with its targets, those with most load first.
type group struct {
	name    string
	targets []models.TargetStatus
}

// groupsOf lists the groups in the order of their first target.
func groupsOf(all []models.TargetStatus) []group {
	var groups []group
	at := map[string]int{}
	for i := range all {
		name := all[i].Target.Group
		if name == "" {
			continue
		}
		k, ok := at[name]
		if !ok {
			k = len(groups)
			at[name] = k
			groups = append(groups, group{name: name})
		}
		groups[k].targets = append(groups[k].targets, all[i])
	}
	return groups
}

// targetSubject summarises a target.
func (s *Service) targetSubject(ctx context.Context, t *models.TargetStatus, now time.Time, zone *time.Location) advisor.Subject {
	out := advisor.Subject{
		Target: t.Target.ID, Group: t.Target.Group, Labels: t.Target.Labels, Unit: "invocations per hour", HighLevel: highLevel,
		RelativeError: math.NaN(), Bias: math.NaN(), Warm: -1, MaxWarm: t.Target.Limits.MaxWarm,
	}
	if w, ok := t.Observation.Capacity.Warm(); ok && t.Observed {
		out.Warm = w
	}
	recent := s.hours(ctx, t.Target.ID, now)
	s.mu.Lock()
	profile := s.profiles[t.Target.ID]
	out.HourOfWeek, out.WeekTotals = profile.week(zone, now)
	s.mu.Unlock()
	out.RecentHours = recent
	out.Shifts = shifts(recent, out.HourOfWeek, now, zone)
	if f, err := s.deps.Fleet.Forecast(t.Target.ID); err == nil {
		mean, high := hourly(&f)
		out.ForecastMean, out.ForecastHigh = []float64{mean}, []float64{high}
	}
	if x, err := s.deps.Forecasters.Explain(t.Target.ID); err == nil && x.Skill.Windows > 0 {
		if level := mean(recent) * s.deps.Step.Hours(); level > 0 {
			out.RelativeError = x.Skill.MAE / level
		}
	}
	return out
}

// groupSubject summarises a group: the sums of its targets.
func (s *Service) groupSubject(ctx context.Context, g group, now time.Time, zone *time.Location) advisor.Subject {
	out := advisor.Subject{
		Group: g.name, Unit: "invocations per hour, all targets of the group", HighLevel: highLevel, RelativeError: math.NaN(), Bias: math.NaN(),
		Warm: -1, MaxWarm: -1,
	}
	for i := range g.targets {
		if i == maxGroupTargets || ctx.Err() != nil {
			break
		}
		one := s.targetSubject(ctx, &g.targets[i], now, zone)
		out.RecentHours = addUp(out.RecentHours, one.RecentHours)
		out.HourOfWeek = addUp(out.HourOfWeek, one.HourOfWeek)
		out.WeekTotals = addUp(out.WeekTotals, one.WeekTotals)
		out.ForecastMean = addUp(out.ForecastMean, one.ForecastMean)
	}
	out.Shifts = shifts(out.RecentHours, out.HourOfWeek, now, zone)
	return out
}

const (
	// maxGroupTargets bounds the targets that a group is added up of, those with most load.
	maxGroupTargets = 50
	// highLevel is the quantile of the forecast that is shown.
	highLevel = 0.9
	// recentHours is how many of the last hours are shown.
	recentHours = 24
)

// addUp adds numbers that end at the same time; one that is not known counts for nothing.
func addUp(a, b []float64) []float64 {
	if len(b) > len(a) {
		a, b = b, a
	}
	out := slices.Clone(a)
	shift := len(a) - len(b)
	for i, v := range b {
		switch {
		case math.IsNaN(v):
		case math.IsNaN(out[shift+i]):
			out[shift+i] = v
		default:
			out[shift+i] += v
		}
	}
	return out
}

// hours returns the load of the last whole hours, the newest last, NaN where it is not known.
func (s *Service) hours(ctx context.Context, id models.TargetID, now time.Time) []float64 {
	end := now.Truncate(time.Hour)
	out := make([]float64, recentHours)
	for i := range out {
		out[i] = math.NaN()
	}
	series, err := s.deps.Fleet.Series(ctx, id, models.SignalInvocations, end.Add(-recentHours*time.Hour), end)
	if err != nil {
		return out
	}
	var sum, known [recentHours]float64
	for i := range series.Len() {
		h := recentHours - 1 - int(end.Add(-1).Sub(series.TimeAt(i))/time.Hour)
		if v := series.At(i); h >= 0 && h < recentHours && !math.IsNaN(v) {
			sum[h] += v
			known[h]++
		}
	}
	for h := range out {
		if whole := float64(time.Hour) / float64(series.Step()); known[h] >= whole/2 {
			out[h] = sum[h] * whole / known[h]
		}
	}
	return out
}

// hourly returns mean and high quantile of a forecast, as so much in an hour.
func hourly(f *models.Forecast) (mean, high float64) {
	for h := range f.Horizon() {
		mean += f.Mean(h)
		high += f.Quantile(highLevel, h)
	}
	scale := float64(time.Hour) / float64(f.Step()) / float64(max(f.Horizon(), 1))
	return mean * scale, high * scale
}

// mean is the mean of the numbers that are known, 0 without any.
func mean(of []float64) float64 {
	sum, n := 0.0, 0.0
	for _, v := range of {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / max(n, 1)
}

// shifts finds when the load of the last hours left the level of the same hours of weeks before, for three hours at least.
func shifts(recent, week []float64, now time.Time, zone *time.Location) []advisor.Shift {
	if len(week) != hoursOfWeek {
		return nil
	}
	var out []advisor.Shift
	end, run := now.Truncate(time.Hour), 0
	for i := range recent {
		at := end.Add(-time.Duration(len(recent)-i) * time.Hour)
		usual := week[hourOfWeek(at, zone)]
		r := recent[i] / usual
		if !(usual > 0) || math.IsNaN(r) || r < shiftRatio && r > 1/shiftRatio {
			run = 0
			continue
		}
		if run++; run == 3 {
			out = append(out, advisor.Shift{At: at.Add(-2 * time.Hour), From: usual, To: recent[i]})
		}
	}
	return out
}

// learn takes the hours into the profiles that have become whole.
func (s *Service) learn(ctx context.Context, now time.Time) {
	end := now.Truncate(time.Hour)
	s.mu.Lock()
	due := !s.profiles.upTo(end) && s.client != nil
	s.mu.Unlock()
	if !due {
		return
	}
	all := s.deps.Fleet.Targets()
	slices.SortStableFunc(all, func(x, y models.TargetStatus) int { return cmp.Compare(weight(&y), weight(&x)) })
	for i := range all {
		if i == maxProfiles || errors.Is(ctx.Err(), context.Canceled) {
			break
		}
		recent := s.hours(ctx, all[i].Target.ID, now)
		s.mu.Lock()
		s.profiles.take(all[i].Target.ID, recent, end)
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.profiles.forget(end)
	s.save(ctx)
}
