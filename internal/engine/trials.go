package engine

import (
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/policy"
)

// maxTrials bounds the trials of one decision, the two without advice included.
const maxTrials = 10

// maxAsked bounds the decisions that wait for the samples which they are scored by.
const maxAsked = 60

// trials are what would have been done without each source of hints and with it, and what came of that.
type trials struct {
	// of and who are of the decision being made: the first two trials are without any hint, and with those that need not earn
	// anything; the others are with one source and kind of hints more.
	of  []policy.Trial
	who []contender
	// asked are the trials of decisions that are or will be in force, the oldest first.
	asked []asked
	// scores wait for the end of the Step.
	scores []score
}

// contender is who a trial is about.
type contender struct {
	merit   meritKey
	against int // the trial without
	began   time.Time
}

// asked is what trials asked for from a time on.
type asked struct {
	from  time.Time
	of    []policy.Trial
	who   []contender
	rates []float64 // of the usual load
}

// score is what one step of a unit came to, with a source of hints and without it.
type score struct {
	merit                     meritKey
	began                     time.Time
	withCost, withoutCost     float64 // GB-seconds
	withLoss, withoutLoss     float64 // pinball loss of the rate, in invocations a second
	usd                       float64 // of a GB-second
	withColds, withoutColds   float64
	withIdleGB, withoutIdleGB float64
}

// begin readies the trials for a decision.
func (t *trials) begin() { t.of, t.who = t.of[:0], t.who[:0] }

// without sets the trials that the others are held against.
func (t *trials) without(none, said policy.Trial) { t.of = append(t.of, none, said) }

// try adds a trial with an effect more, which has come so far.
func (t *trials) try(f *effect, p policy.Phase) {
	for i := range t.who {
		if t.who[i].merit == f.merit {
			t.of[i+2] = join(t.of[i+2], f, f.multiplier, p)
			return
		}
	}
	if len(t.of) == maxTrials {
		return
	}
	c := contender{merit: f.merit, began: f.start}
	base := t.of[0]
	base.Phase = policy.Past
	if f.earned {
		c.against = 1
		base = t.of[1]
		if base.Multiplier == 1 && base.Floor == 0 {
			base.Phase = policy.Past
		}
	}
	t.who = append(t.who, c)
	t.of = append(t.of, join(base, f, f.multiplier, p))
}

// note takes down what the trials of a decision asked for from the time on; none if a is nil.
func (t *trials) note(from time.Time, a *policy.Ahead) {
	if a == nil {
		if n := len(t.asked); n > 0 && len(t.asked[n-1].of) > 0 {
			t.asked = append(t.asked, asked{from: from})
		}
		return
	}
	if len(t.asked) == maxAsked { // no samples come, so that nothing is scored
		t.asked = append(t.asked[:0], t.asked[1:]...)
	}
	t.asked = append(t.asked, asked{
		from: from, of: slices.Clone(a.Trials), who: slices.Clone(t.who), rates: slices.Clone(a.Usual[:a.Rates]),
	})
}

// inForce returns what was asked for the step that starts then, and forgets what came before; nil is nothing.
func (t *trials) inForce(start time.Time) *asked {
	n := 0
	for n < len(t.asked) && !t.asked[n].from.After(start) {
		n++
	}
	if n == 0 {
		return nil
	}
	t.asked = append(t.asked[:0], t.asked[n-1:]...)
	if len(t.asked) == 1 && len(t.asked[0].of) == 0 {
		t.asked = t.asked[:0]
		return nil
	}
	return &t.asked[0]
}

// judge scores the newest step of the unit, before which so many on-demand instances were alive.
func (t *trials) judge(u *unit, alive int) {
	now := t.inForce(u.bin.Start)
	if now == nil || len(now.of) == 0 {
		return
	}
	inUse, ok := u.memory.InUse()
	rate, known := u.memory.Rate()
	if !ok || !known {
		return
	}
	gb, seconds := u.target.MemoryMB/1024, u.step.Seconds()
	cost := func(warm int) (cold, idle float64) {
		cold = float64(max(inUse-max(warm, alive), 0))
		idle = float64(max(warm, alive, inUse)-inUse) * seconds
		return cold, idle
	}
	loss := func(trial *policy.Trial) float64 {
		sum := 0.0
		for i, usual := range now.rates {
			level := (float64(i) + 0.5) / float64(len(now.rates))
			over := rate - usual*trial.Multiplier
			sum += max(level*over, (level-1)*over)
		}
		return sum / float64(max(len(now.rates), 1))
	}
	for i, c := range now.who {
		with, without := &now.of[i+2], &now.of[c.against]
		s := score{merit: c.merit, began: c.began, usd: u.policy.WarmPrice()}
		var cold, idle float64
		cold, idle = cost(with.Warm)
		s.withColds, s.withIdleGB = cold, idle*gb
		s.withCost = (idle + cold*u.memory.BreakEven()) * gb
		cold, idle = cost(without.Warm)
		s.withoutColds, s.withoutIdleGB = cold, idle*gb
		s.withoutCost = (idle + cold*u.memory.BreakEven()) * gb
		if c.merit.kind == models.AdviceMultiplier {
			s.withLoss, s.withoutLoss = loss(with), loss(without)
		}
		t.scores = append(t.scores, s)
	}
}
