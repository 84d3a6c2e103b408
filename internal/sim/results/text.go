package results

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the result as tables for people. It returns the first error of w.
func (r *Result) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d targets, %s setting, counted from %s to %s\n", clean(r.Source), len(r.Targets), r.Setting,
		r.From.Format("2006-01-02 15:04"), r.To.Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(&b, "A second of cold start counts as much as %s GB-seconds of idle memory; lead %s.\n\n", number(r.ColdStartPrice), r.lead())
	r.policies(&b)
	fmt.Fprintf(&b, "\nJ: idle memory plus %s times the seconds of cold start, relative to today; less is better.\n", number(r.ColdStartPrice))
	if s := r.Verdict(); s != "" {
		fmt.Fprintf(&b, "%s\n", s)
	}
	r.curve(&b)
	r.worst(&b, textTargets)
	a := &r.Accuracy
	if a.Forecasts > 0 {
		fmt.Fprintf(&b, "\nForecasts %d min ahead: %s scored, quantile loss %s (repeating the last minute: %s, skill %.2f), band of 80 %% held %.1f %%.\n",
			a.StepsAhead, grouped(float64(a.Forecasts)), number(round(a.Loss)), number(round(a.PersistenceLoss)), a.Skill, 100*a.Coverage)
	}
	for _, text := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", clean(text))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// textTargets is how many targets the table shows.
const textTargets = 10

func (r *Result) policies(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "policy\tcold starts\tcold share\tcold s\t%s\tcost $\tchanges\tJ\t\n", r.IdleName())
	for i := range r.Policies {
		p := &r.Policies[i]
		u := &p.Usage
		name := p.Name
		switch p.Kind {
		case Today:
			name = "today: " + name
		case Oracle:
			name = "(" + name + ")"
		case Pilotlight, Baseline:
		}
		fmt.Fprintf(t, "%s\t%s\t%.3f %%\t%s\t%s\t%s\t%s\t%.3f\t\n", name, grouped(float64(u.ColdStarts)), 100*u.ColdShare(),
			grouped(u.ColdSeconds), grouped(r.Idle(*u)), dollars(u.USD), grouped(float64(u.Decisions)), p.J)
	}
	_ = t.Flush() // a builder takes everything
}

func (r *Result) curve(w io.Writer) {
	if len(r.Curve) == 0 {
		return
	}
	fmt.Fprintf(w, "\nTrade-off over the price of a cold start, %d of %d targets:\n\n", r.CurveTargets, len(r.Targets))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "price\tcold starts\tcold s\t%s\tcost $\tbest baseline\tPilotlight to it\t\n", r.IdleName())
	for i := range r.Curve {
		c := &r.Curve[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%.3f\t\n", number(c.ColdStartPrice), grouped(float64(c.Usage.ColdStarts)),
			grouped(c.Usage.ColdSeconds), grouped(r.Idle(c.Usage)), dollars(c.Usage.USD), c.Best, c.Ratio)
	}
	_ = t.Flush() // as above
}

func (r *Result) worst(w io.Writer, n int) {
	if len(r.Targets) < 2 || len(r.Policies) < 2 {
		return
	}
	fmt.Fprintf(w, "\nTargets with the most cold starts today:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "target\tinvocations\tcold today\tcold with Pilotlight\t%s today\twith Pilotlight\tchanges\t\n", r.IdleName())
	for _, i := range r.Order()[:min(n, len(r.Targets))] {
		x := &r.Targets[i]
		mine, today := &x.Usages[0], &x.Usages[1]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", clean(x.ID), grouped(float64(mine.Invocations)), grouped(float64(today.ColdStarts)),
			grouped(float64(mine.ColdStarts)), grouped(r.Idle(*today)), grouped(r.Idle(*mine)), grouped(float64(mine.Decisions)))
	}
	_ = t.Flush() // as above
}

// Verdict says in a sentence how Pilotlight compares with today and with the best baseline.
func (r *Result) Verdict() string {
	mine, today, best := r.find(Pilotlight), r.find(Today), r.Best()
	if mine == nil || today == nil || best == nil {
		return ""
	}
	s := fmt.Sprintf("Against today (%s): %s cold starts, %s idle memory that is paid for, %s dollars, %s J.", today.Name,
		change(float64(today.Usage.ColdStarts), float64(mine.Usage.ColdStarts)), change(r.Idle(today.Usage), r.Idle(mine.Usage)),
		change(today.Usage.USD, mine.Usage.USD), change(today.Burden, mine.Burden))
	return s + fmt.Sprintf(" Against the best baseline at this price (%s): %s J.", best.Name, change(best.Burden, mine.Burden))
}

// lead puts the lead into words.
func (r *Result) lead() string {
	if r.LeadSeconds < 0 {
		return "differs by target"
	}
	return time.Duration(r.LeadSeconds * float64(time.Second)).String()
}

// change writes the relative difference of two numbers.
func change(before, after float64) string {
	switch before {
	case after:
		return "the same"
	case 0:
		return "new"
	}
	return fmt.Sprintf("%+.1f %%", 100*(after/before-1))
}

// grouped writes a rounded number with spaces between groups of three digits.
func grouped(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}

func dollars(v float64) string {
	if v < 10 {
		return strconv.FormatFloat(v, 'f', 4, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func number(v float64) string {
	if math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// round leaves three digits.
func round(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// clean makes untrusted text fit for a cell of a terminal's table.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if strconv.IsPrint(c) {
			return c
		}
		return '\ufffd'
	}, s)
}
