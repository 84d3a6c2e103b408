package policy

import (
	"time"

	"pilotlight/models"
)

// Economy bounds how many changes of a target cost calls of its platform.
type Economy struct {
	// Changes is how many there may be within Per before falls and other keep-alives wait; 0 is no bound. Rises never wait for it:
	// they come to an end by themselves when nothing falls.
	Changes int             `yaml:"changes"`
	Per     models.Duration `yaml:"per"`
}

// maxMoves is how many changes are remembered.
const maxMoves = 16

func (e Economy) validate(v *checker) {
	v.number("max_changes.changes", float64(e.Changes), 0, maxMoves)
	v.duration("max_changes.per", e.Per, time.Second, 24*time.Hour)
}

// moves are the newest changes of what a target has.
type moves struct {
	at    [maxMoves]float64 // in seconds since 1970, the newest at [n-1 % maxMoves]
	n     int
	known bool
	warm  int32
	keep  float64 // seconds, below 0 if the platform does not show it
}

// note takes down what there is.
func (m *moves) note(now time.Time, c models.Capacity) {
	floor, _ := c.Warm()
	warm, keep := int32(min(floor, maxInstances)), -1.0 //nolint:gosec // bounded by min
	if d, ok := c.KeepAlive(); ok {
		keep = d.Seconds()
	}
	if m.known && (warm != m.warm || keep != m.keep) {
		m.at[m.n%maxMoves] = seconds(now)
		m.n++
	}
	m.known, m.warm, m.keep = true, warm, keep
}

// within is how many changes there were in the period before now.
func (m *moves) within(now time.Time, period time.Duration) int {
	n, at := 0, seconds(now)
	for _, t := range m.at[:min(m.n, maxMoves)] {
		if t > at-period.Seconds() && t <= at {
			n++
		}
	}
	return n
}

// guardEconomy lets falls and other keep-alives wait after many changes.
func guardEconomy(pr *proposal) {
	e := pr.cfg.MaxChanges
	if e.Changes == 0 || !pr.facts.CurrentKnown {
		return
	}
	made := pr.memory.remembers().moves.within(pr.facts.Now, e.Per.Std())
	if made < max(e.Changes-1, 1) {
		return // with room for the rise after a fall
	}
	numbers := []models.Number{models.Num("changes", float64(made)), models.Num("per_s", e.Per.Std().Seconds())}
	if pr.falls() {
		pr.move(models.ReasonEconomy, pr.have, numbers...)
	}
	now, ok := pr.facts.Current.KeepAlive()
	if pr.keepSet && ok && pr.keep != now && now <= pr.facts.Target.Limits.MaxKeepAlive {
		pr.because(models.ReasonEconomy, append(numbers, models.Num("keep_alive_s", now.Seconds()))...)
		pr.keep = now
	}
}
