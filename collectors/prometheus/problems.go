package prometheus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"pilotlight/collectors"
	"pilotlight/models"
)

// maxProblems bounds the problems of one kind and signal that are reported one by one.
const maxProblems = 10

// others stands for the targets of the problems that are counted instead of being reported one by one. A problem without a
// target would say that the whole signal is lost.
const others models.TargetID = "(others)"

// problemList collects problems of one signal, up to maxProblems of a kind; the rest is counted. A series that makes no target
// is reported under its labels instead of an id.
type problemList struct {
	signal models.Signal
	list   []collectors.Problem
	kinds  []string
	counts map[string]int
}

func (p *problemList) add(kind string, target models.TargetID, err error) {
	if p.counts == nil {
		p.counts = map[string]int{}
	}
	if p.counts[kind] == 0 {
		p.kinds = append(p.kinds, kind)
	}
	p.counts[kind]++
	if p.counts[kind] <= maxProblems {
		p.list = append(p.list, collectors.Problem{Signal: p.signal, Target: target, Err: err})
	}
}

// all returns the problems with a last one for each kind that had too many.
func (p *problemList) all() []collectors.Problem {
	out := slices.Clone(p.list)
	for _, kind := range p.kinds {
		if more := p.counts[kind] - maxProblems; more > 0 {
			out = append(out, collectors.Problem{
				Signal: p.signal, Target: others, Err: fmt.Errorf("%d more series: %s: %w", more, kind, models.ErrInvalid),
			})
		}
	}
	return out
}

// differing returns the names of the labels that two series do not share with the same value, sorted.
func differing(a, b model.Metric) string {
	var names []string
	for name, value := range a {
		if other, ok := b[name]; !ok || other != value {
			names = append(names, clean(string(name)))
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, clean(string(name)))
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
