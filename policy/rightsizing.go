package policy

import (
	"time"

	"pilotlight/models"
)

// rightSizing checks the block right_sizing.
func (v *checker) rightSizing(c *models.RightSizing) {
	const path, day = "right_sizing.", 24 * time.Hour
	v.duration(path+"lookback", c.Lookback, day, 90*day)
	v.number(path+"headroom", c.Headroom, 0, 10)
	v.number(path+"near_limit", c.NearLimit, 0.1, 1)
	v.duration(path+"min_history", c.MinHistory, 0, 90*day)
	v.number(path+"min_samples", float64(c.MinSamples), 1, 1e9)
	v.number(path+"min_saving", c.MinSaving, 0, 1)
	v.number(path+"min_saving_usd", c.MinSavingUSD, 0, 1e9)
	v.number(path+"round_mb", float64(c.RoundMB), 1, 65536)
	v.oneOf(path+"less_cpu", string(c.LessCPU), string(models.LessCPUAdvise), string(models.LessCPUApply))
	v.number(path+"max_slowdown", c.MaxSlowdown, 0, 10)
	v.duration(path+"cooldown", c.Cooldown, time.Hour, 90*day)
	if c.MinHistory > c.Lookback {
		v.fail(path+"min_history", "%s is longer than the lookback of %s, so nothing would ever be recommended; shorten it", c.MinHistory, c.Lookback)
	}
	if c.NearLimit*(1+c.Headroom) <= 1 {
		v.fail(path+"near_limit", "%v of a memory with a headroom of %v is where it would be set, so it would be raised for ever; raise near_limit or headroom",
			c.NearLimit, c.Headroom)
	}
	if c.Apply && !c.Recommend {
		v.fail(path+"apply", "applies what is not recommended; set right_sizing.recommend too")
	}
}

// RightSizing returns how the memory of instances is recommended, and whether it is set.
func (p *Policy) RightSizing() *models.RightSizing { return &p.cfg.RightSizing }

// GBSecond returns the prices in USD of a GB for a second: of an instance that is kept warm, of its work besides, and of work on demand; 0
// is unknown.
func (p *Policy) GBSecond() (warm, busy, demand float64) {
	warm = p.warm.memory
	if l, ok := p.cfg.Prices.list(); ok && p.cfg.Prices.WarmGBs == 0 && p.cfg.Prices.WarmVCPUs == 0 {
		busy, demand = l.busyGB, l.demandGB
	}
	return warm, busy, demand
}

// Frozen returns the name of a freeze that stops a change at the time, and whether there is one.
func (p *Policy) Frozen(now time.Time, lowers bool) (string, bool) {
	if p.times == nil {
		return "", false
	}
	for i := range p.times.freezes {
		if f := &p.times.freezes[i]; (lowers || f.stop == FreezeChanges) && f.has(now) {
			return f.name, true
		}
	}
	return "", false
}
