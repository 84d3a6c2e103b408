package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"

	"pilotlight/internal/sim"
	"pilotlight/models"
)

// say writes a line of progress to standard error.
func say(stdio IO, format string, args ...any) { fmt.Fprintf(stdio.Err, format, args...) }

// watch shows what happens in the demo: lines that rewrite themselves on a terminal, a few lines elsewhere.
type watch struct {
	demo     *demonstration
	terminal bool
	lines    int
	shown    time.Time
	busiest  int
	samples  []point
}

// newWatch makes a watch over the busiest function of the day.
func newWatch(d *demonstration) *watch {
	w := &watch{demo: d, terminal: isTerminal(d.stdio.Err)}
	var most int64
	from := d.trace.Minute(d.start())
	for i := range d.trace.Functions {
		var n int64
		for _, row := range d.trace.Rows(i, from, from+int(demoLength/time.Minute)) {
			n += int64(row.Count)
		}
		if n > most {
			most, w.busiest = n, i
		}
	}
	say(d.stdio, "API: http://%s  (recorded week of %s)\n", d.listener.Addr(), d.start().Format("2006-01-02"))
	return w
}

// show takes note of the time and draws, but not more often than is useful.
func (w *watch) show(t time.Time) {
	w.samples = append(w.samples, w.sample(t))
	every := time.Hour
	if w.terminal {
		every = time.Hour
	}
	if t.Sub(w.shown) < every && !t.Equal(w.demo.end()) {
		return
	}
	w.shown = t
	if !w.terminal {
		if t.Sub(w.demo.start())%(24*time.Hour) == 0 {
			with, without := w.demo.with.Total(), w.demo.without.Total()
			say(w.demo.stdio, "%s  cold starts %d with Pilotlight, %d without\n", t.Format("2006-01-02"), with.ColdStarts, without.ColdStarts)
		}
		return
	}
	text := w.screen(t)
	if w.lines > 0 {
		fmt.Fprintf(w.demo.stdio.Err, "\x1b[%dA\x1b[J", w.lines)
	}
	w.lines = strings.Count(text, "\n")
	say(w.demo.stdio, "%s", text)
}

// sample measures the busiest function in the minute that ended at t.
func (w *watch) sample(t time.Time) point {
	d := w.demo
	name := d.trace.Functions[w.busiest].Name
	p := point{Time: t}
	for _, row := range d.trace.Rows(w.busiest, d.trace.Minute(t)-1, d.trace.Minute(t)) {
		p.Invocations = float64(row.Count)
	}
	if f, err := d.engine.Forecast(models.TargetID(name)); err == nil {
		p.HasForecast, p.Low, p.Median, p.High = true, f.Quantile(0.1, 0), f.Quantile(0.5, 0), f.Quantile(0.9, 0)
	}
	if in, err := d.with.Instances(name); err == nil {
		p.Warm = in.Floor
	}
	// The name is one of the trace, so usages are there.
	with, _ := d.with.Usage(name)
	without, _ := d.without.Usage(name)
	p.ColdWith, p.ColdWithout = with.ColdStarts, without.ColdStarts
	return p
}

// screen is what a terminal shows at the time.
func (w *watch) screen(t time.Time) string {
	var b strings.Builder
	done := float64(t.Sub(w.demo.start())) / float64(demoLength)
	const width = 40
	full := min(int(done*width), width)
	fmt.Fprintf(&b, "%s [%s%s] %3.0f %%\n", t.Format("Jan 02 15:04"), strings.Repeat("=", full), strings.Repeat(" ", width-full), 100*done)
	if sum, err := sim.Compare(w.demo.with, w.demo.without); err == nil {
		_ = sum.WriteText(&b, 0) // a builder takes everything
	}
	b.WriteString(w.chart(70, 8))
	return b.String()
}

// chart draws the invocations of the busiest function and their forecast.
func (w *watch) chart(width, height int) string {
	calls, ahead := make([]float64, len(w.samples)), make([]float64, len(w.samples))
	for i, p := range w.samples {
		calls[i] = p.Invocations
		if i > 0 && w.samples[i-1].HasForecast {
			ahead[i] = w.samples[i-1].High
		}
	}
	if len(calls) < 2 {
		return ""
	}
	if !w.terminal { // without colours two lines cannot be told apart
		return asciigraph.Plot(peaks(calls, width), asciigraph.Height(height), asciigraph.Precision(0),
			asciigraph.Caption("invocations a minute of the busiest function")) + "\n"
	}
	return asciigraph.PlotMany([][]float64{peaks(ahead, width), peaks(calls, width)}, asciigraph.Height(height),
		asciigraph.SeriesColors(asciigraph.Default, asciigraph.Green), asciigraph.Precision(0),
		asciigraph.Caption("invocations a minute of the busiest function, in green, and the 90 % quantile forecast a minute before")) + "\n"
}

// peaks shrinks values to at most n, each the greatest of its part.
func peaks(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i, v := range values {
		at := i * n / len(values)
		out[at] = max(out[at], v)
	}
	return out
}

// summary prints what the day came to.
func (w *watch) summary() error {
	d := w.demo
	out := d.stdio.Out
	sum, err := sim.Compare(d.with, d.without)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nA week of real traffic from %s on, %d functions, seed %d. Without: every idle instance stays for 10 minutes.\n"+
		"A second of cold start counts as much as %d GB-seconds of idle memory (policy.cold_start_price).\n\n",
		d.start().Format("2006-01-02"), len(d.trace.Functions), d.options.Seed, demoPrice)
	if err := sum.WriteText(out, len(d.trace.Functions)); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s\n", w.chart(90, 10))
	fmt.Fprintln(out, "Why, for each function at the end of the week:")
	for _, s := range d.engine.Targets() {
		fmt.Fprintf(out, "  %s: ", s.Target.ID)
		if s.Latest == nil {
			fmt.Fprintln(out, "no decision")
			continue
		}
		fmt.Fprintln(out, s.Latest.Decision.Current)
		for _, r := range s.Latest.Decision.Reasons {
			fmt.Fprintf(out, "    - %s\n", r)
		}
	}
	_, err = fmt.Fprintf(out, "\nNext: pilotlight run --config FILE points it at your own Prometheus, in dry-run; see README.md.\n")
	if err == nil && !d.options.Once {
		_, err = fmt.Fprintf(out, "The API stays at http://%s until Ctrl-C.\n", d.listener.Addr())
	}
	return err
}

// plot draws the day of the busiest function into a file.
func (w *watch) plot(out *output) error {
	return writePlot(out, w.demo.trace.Functions[w.busiest].Name, w.samples)
}

// point is one minute of the busiest function.
type point struct {
	Time        time.Time
	Invocations float64
	// HasForecast says that Low, Median and High are the 10, 50 and 90 % quantiles forecast for the next minute.
	HasForecast       bool
	Low, Median, High float64
	Warm              int
	// ColdWith and ColdWithout are cold starts since the start of the demo.
	ColdWith, ColdWithout int64
}
