package prometheus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"pilotlight/models"
)

// sampleStep is the step that queries are expanded with when they are checked.
const sampleStep = time.Minute

// variableNames are the variables of a query.
func variableNames() []string {
	return []string{"step", "step_seconds", "window", "window_seconds", "scale", "period_seconds", "selector"}
}

// expand replaces the variables of a query for a step.
func (c *Config) expand(query string, step time.Duration) string {
	window := max(step, c.Window.Std())
	if c.Dialect != dialectMetricsQL {
		// The window is a millisecond longer than the step: a counter that is sampled exactly at the ends of steps then has both
		// of its samples inside, also for servers that leave the older end of a range out (Prometheus 3). VictoriaMetrics adds
		// the sample before the range by itself, and would count two steps.
		window += time.Millisecond
	}
	return strings.NewReplacer(
		"${step}", model.Duration(step).String(),
		"${step_seconds}", seconds(step),
		"${window}", model.Duration(window).String(),
		"${window_seconds}", seconds(window),
		"${scale}", "("+seconds(step)+"/"+seconds(window)+")",
		"${period_seconds}", seconds(c.SamplePeriod.Std()),
		"${selector}", strings.TrimRight(strings.TrimSpace(c.Selector), ", "),
	).Replace(query)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// checkVariables says which ${...} of a query is not a variable. Digits are left alone: they refer to groups of a regular
// expression in label_replace.
func checkVariables(query string) error {
	for rest := query; ; {
		_, after, found := strings.Cut(rest, "${")
		if !found {
			return nil
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return fmt.Errorf("${ is not closed by }: %w", models.ErrInvalid)
		}
		if _, err := strconv.ParseUint(name, 10, 32); err != nil && !slices.Contains(variableNames(), name) {
			return fmt.Errorf("${%s} is not a variable; there are %s: %w", clean(name), strings.Join(variableNames(), ", "),
				models.ErrInvalid)
		}
		rest = tail
	}
}
