package insights

import (
	"math"
	"time"

	"pilotlight/models"
)

const (
	// highQuantile is the quantile of the uses that is shown beside the highest.
	highQuantile = 0.95
	// monthSeconds is a month of 730 hours, as clouds reckon them.
	monthSeconds = 730 * 3600
)

// Rates are prices in USD of one GB (1024 MB) for one second; 0 is unknown.
type Rates struct {
	// Warm is of an instance that is kept warm, Busy what its work costs besides, Demand of one that was started on demand and works.
	Warm, Busy, Demand float64
}

// Instance is what an advice depends on besides what was measured.
type Instance struct {
	// MemoryMB is the memory that it has.
	MemoryMB int
	// Sizes are those that the platform has. Low and High are the limits of the target, 0 for none.
	Sizes     models.MemorySizes
	Low, High int
	// Warm is the floor of warm instances, Concurrency how many invocations an instance runs at a time.
	Warm, Concurrency int
	Rates             Rates
}

// Advise recommends a memory for the instances of a target, by the most that they have used:
//
//	need = highest use of the look-back * (1 + headroom), rounded up to a size of the platform
//
// Memory is raised if it is below that, at once if the use is near the limit; it is lowered if that saves enough, enough
// was measured, and no durations measured at two sizes say that it would be too slow. The recommended memory keeps within the limits
// of the target and, unless these or the platform forbid it, never lies below the need. It returns nil if no use was ever
// measured.
func (u *Usage) Advise(now time.Time, cfg *models.RightSizing, in *Instance) *models.SizeAdvice {
	all := u.seen()
	if all.Steps == 0 || in.MemoryMB <= 0 {
		return nil
	}
	peak := float64(all.Peak)
	need := peak * (1 + cfg.Headroom)
	w := weighing{
		usage: u, cfg: cfg, in: in, need: need, fit: in.Sizes.Fit(need, in.Low, in.High, cfg.RoundMB),
		advice: &models.SizeAdvice{
			At: now, Verdict: models.SizeKeep, CurrentMB: in.MemoryMB, RecommendedMB: in.MemoryMB, PeakMB: peak,
			HighMB: min(u.quantile(highQuantile), peak), Samples: int(all.Steps), History: u.history(),
			BilledSeconds: math.NaN(), SavedUSD: 0, Slowdown: math.NaN(),
		},
	}
	if all.Covered > 0 && in.Concurrency > 0 {
		// Where it is not known how long instances worked, they count as idle: rather too small a saving than too great a one.
		w.advice.BilledSeconds = float64(all.Busy) / float64(in.Concurrency) * monthSeconds / max(float64(all.Covered), w.advice.History.Seconds())
	}
	w.weigh()
	return w.advice
}

// weighing is an advice on its way.
type weighing struct {
	usage *Usage
	cfg   *models.RightSizing
	in    *Instance
	// need is what instances should have, fit the size that is nearest to it.
	need   float64
	fit    int
	advice *models.SizeAdvice
}

// because adds a reason.
func (w *weighing) because(code models.ReasonCode, numbers ...models.Number) {
	w.advice.Reasons = append(w.advice.Reasons, models.Because(code, numbers...))
}

// weigh finds the verdict.
func (w *weighing) weigh() {
	a, have := w.advice, w.in.MemoryMB
	w.because(models.ReasonMemoryPeak, models.Num("peak_mb", a.PeakMB), models.Num("headroom", w.cfg.Headroom),
		models.Num("size_mb", float64(w.fit)))
	w.bounded()
	a.Urgent = a.PeakMB >= w.cfg.NearLimit*float64(have)
	if a.Urgent {
		w.because(models.ReasonMemoryRisk, models.Num("peak_mb", a.PeakMB), models.Num("memory_mb", float64(have)))
	}
	switch back := w.slowBack(); {
	case !w.allowed(w.fit):
	case a.Urgent && w.fit > have:
		w.take(models.SizeRaise, w.fit)
	case w.short():
		a.Verdict = models.SizeLearning
		w.because(models.ReasonMemoryLearning, models.Num("samples", float64(a.Samples)), models.Num("hours", a.History.Hours()),
			models.Num("min_samples", float64(w.cfg.MinSamples)), models.Num("min_hours", w.cfg.MinHistory.Std().Hours()))
	case back > have || w.fit > have && (w.need > float64(have) || have < w.in.Low):
		w.take(models.SizeRaise, max(w.fit, back))
	case w.fit < have:
		w.lower()
	}
}

// allowed reports whether a size lies within the limits of the target and of the platform, which may have none in common.
func (w *weighing) allowed(mb int) bool {
	return mb >= w.in.Low && (w.in.High <= 0 || mb <= w.in.High) && (w.in.Sizes.Max <= 0 || mb <= w.in.Sizes.Max)
}

// short reports whether too little was measured to go by.
func (w *weighing) short() bool {
	return w.advice.Samples < w.cfg.MinSamples || w.advice.History < w.cfg.MinHistory.Std()
}

// bounded says it if the limits or the platform give less than what is needed, or more.
func (w *weighing) bounded() {
	free := w.in.Sizes.Fit(w.need, 0, 0, w.cfg.RoundMB)
	if w.fit < free {
		w.because(models.ReasonMaxBound, models.Num("size_mb", float64(free)), models.Num("max_memory_mb", float64(w.in.High)))
	}
	if w.fit > free {
		w.because(models.ReasonMinBound, models.Num("size_mb", float64(free)), models.Num("min_memory_mb", float64(w.in.Low)))
	}
}

// take makes a size the recommended one, with what it saves in a month:
//
//	(GB now - GB then * slowdown) * billed seconds * price of work + (GB now - GB then) * floor * month * price of warmth
//
// Sources: "AWS Lambda pricing" and "Azure Functions pricing": both charge for GB-seconds, of work and of what is kept warm.
func (w *weighing) take(verdict models.SizeVerdict, mb int) {
	a, rates := w.advice, w.in.Rates
	a.Verdict, a.RecommendedMB = verdict, mb
	slowdown := w.slowdown(mb)
	a.Slowdown = slowdown
	if math.IsNaN(slowdown) {
		slowdown = 1
	}
	from, to := float64(w.in.MemoryMB)/1024, float64(mb)/1024
	a.SavedUSD = 0
	work, known := rates.Demand, rates.Demand > 0
	if w.in.Warm > 0 {
		// What is kept warm works at its own price, and costs while it waits too.
		a.SavedUSD = (from - to) * float64(w.in.Warm) * monthSeconds * rates.Warm
		work, known = rates.Busy, rates.Warm > 0
	}
	switch {
	case !known:
		a.SavedUSD = math.NaN()
	default:
		a.SavedUSD += (from - to*slowdown) * a.BilledSeconds * work
	}
}

// slowdown returns the factor by which durations change with that size, NaN without evidence.
func (w *weighing) slowdown(mb int) float64 {
	e, ok := w.usage.elasticity()
	if !ok {
		return math.NaN()
	}
	return math.Pow(float64(w.in.MemoryMB)/float64(mb), e)
}

// lower weighs a lowering.
func (w *weighing) lower() {
	a, have := w.advice, w.in.MemoryMB
	w.take(models.SizeLower, w.fit)
	saving := 1 - float64(w.fit)/float64(have)
	switch {
	case a.Slowdown > 1+w.cfg.MaxSlowdown:
		w.because(models.ReasonMemorySlower, models.Num("slowdown", a.Slowdown), models.Num("at_mb", float64(w.fit)),
			models.Num("max_slowdown", 1+w.cfg.MaxSlowdown))
		w.keep()
	case saving < w.cfg.MinSaving || a.SavedUSD < w.cfg.MinSavingUSD:
		w.because(models.ReasonMemorySmall, models.Num("saved_share", saving), models.Num("saved_usd_month", a.SavedUSD),
			models.Num("min_saving", w.cfg.MinSaving), models.Num("min_saving_usd", w.cfg.MinSavingUSD))
		w.keep()
	case math.IsNaN(a.Slowdown) && w.in.Sizes.FullCPU > 0 && w.fit < w.in.Sizes.FullCPU:
		a.Risky = true
		full := float64(w.in.Sizes.FullCPU)
		w.because(models.ReasonMemoryCPU, models.Num("cpu_now", float64(have)/full), models.Num("cpu_then", float64(w.fit)/full),
			models.Num("slowdown_at_worst", float64(min(have, w.in.Sizes.FullCPU))/float64(w.fit)))
	}
}

// keep takes a lowering back.
func (w *weighing) keep() {
	a := w.advice
	a.Verdict, a.RecommendedMB, a.SavedUSD, a.Slowdown = models.SizeKeep, w.in.MemoryMB, 0, math.NaN()
}

// slowBack returns the size from before the last lowering if durations say that it made the target too slow, else 0.
func (w *weighing) slowBack() int {
	before := int(w.usage.before.MB)
	e, ok := w.usage.elasticity()
	if !ok || before <= w.in.MemoryMB || int(w.usage.now.MB) != w.in.MemoryMB || !w.allowed(before) {
		return 0
	}
	slower := math.Pow(float64(before)/float64(w.in.MemoryMB), e)
	if slower <= 1+w.cfg.MaxSlowdown {
		return 0
	}
	w.because(models.ReasonMemorySlower, models.Num("slowdown", slower), models.Num("at_mb", float64(w.in.MemoryMB)),
		models.Num("before_mb", float64(before)), models.Num("max_slowdown", 1+w.cfg.MaxSlowdown))
	return before
}
