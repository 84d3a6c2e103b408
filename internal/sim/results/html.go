package results

import (
	_ "embed" // the page
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"pilotlight/internal/sim"
)

//go:embed page.html
var page string

// Bounds of what a page shows; JSON has everything.
const (
	htmlTargets = 200
	htmlReasons = 20
)

// WriteHTML writes the result as one page that needs nothing else: no script, no font, no picture from elsewhere. Names are
// escaped. It returns the first error of w. The same result gives the same bytes.
func (r *Result) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"grouped": grouped, "dollars": dollars, "number": number, "round": round, "change": change,
		"percent": func(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) },
		"ratio":   func(v float64) string { return fmt.Sprintf("%.3f", v) },
		"count":   func(n int) string { return grouped(float64(n)) },
		"count64": func(n int64) string { return grouped(float64(n)) },
		"sign":    sign,
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	v, err := r.view()
	if err != nil {
		return err
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// view is what the page shows.
type view struct {
	*Result

	Lead                 string
	Mine, Now, Best      *Policy
	Headline             string
	Cards                []card
	Rows                 []row
	Tradeoff, Cold, Busy template.HTML
	TradeoffNote         string
	Shown                []shown
	MoreTargets          int
	TopReasons           []ReasonCount
	Days                 float64
}

// card is one of the great numbers at the top.
type card struct {
	Name, Mine, Now, Change string
	// Sign is better, worse or same.
	Sign string
}

// row is a policy in the table, with the width of its bar in percent.
type row struct {
	*Policy

	Width float64
	Cut   bool
}

// shown is a target in the table.
type shown struct {
	*Target

	Mine, Now sim.Usage
	Sign      string
}

func (r *Result) view() (*view, error) {
	v := &view{
		Result: r, Lead: r.lead(), Mine: r.find(Pilotlight), Now: r.find(Today), Best: r.Best(), Days: r.To.Sub(r.From).Hours() / 24,
		TopReasons: r.Reasons[:min(len(r.Reasons), htmlReasons)],
	}
	if v.Mine == nil || v.Now == nil {
		return nil, errors.New("a report needs Pilotlight and what runs today")
	}
	v.Headline = headline(v)
	v.cards()
	v.rows()
	for _, i := range r.Order()[:min(htmlTargets, len(r.Targets))] {
		t := &r.Targets[i]
		s := shown{Target: t, Mine: t.Usages[0], Now: t.Usages[1]}
		s.Sign = sign(s.Now.Burden(r.Setting, r.ColdStartPrice), s.Mine.Burden(r.Setting, r.ColdStartPrice))
		v.Shown = append(v.Shown, s)
	}
	v.MoreTargets = len(r.Targets) - len(v.Shown)
	var err error
	if v.Tradeoff, v.TradeoffNote, err = r.tradeoff(); err != nil {
		return nil, err
	}
	if v.Cold, err = r.coldOverTime(); err != nil {
		return nil, err
	}
	v.Busy, err = r.busiest()
	return v, err
}

// headline says in a sentence what came out, also if it is nothing to be proud of.
func headline(v *view) string {
	j := v.Mine.J
	switch {
	case v.Now.Burden == 0:
		return "There was nothing to improve: no cold start and no idle memory that is paid for."
	case j < 0.995:
		return fmt.Sprintf("Pilotlight would have been %.1f %% better than what runs today (%s).", 100*(1-j), v.Now.Name)
	case j > 1.005:
		return fmt.Sprintf("Pilotlight would have been %.1f %% worse than what runs today (%s).", 100*(j-1), v.Now.Name)
	}
	return fmt.Sprintf("Pilotlight would have made no difference to what runs today (%s).", v.Now.Name)
}

func (v *view) cards() {
	add := func(name string, mine, now float64, format func(float64) string) {
		v.Cards = append(v.Cards, card{name, format(mine), format(now), change(now, mine), sign(now, mine)})
	}
	m, n := &v.Mine.Usage, &v.Now.Usage
	add("cold starts", float64(m.ColdStarts), float64(n.ColdStarts), grouped)
	add("seconds of cold start", m.ColdSeconds, n.ColdSeconds, grouped)
	add(v.IdleName(), v.Idle(*m), v.Idle(*n), grouped)
	add("dollars", m.USD, n.USD, dollars)
}

// sign says which of two burdens is the less.
func sign(now, mine float64) string {
	switch {
	case mine < now:
		return "better"
	case mine > now:
		return "worse"
	}
	return "same"
}

// widest is the ratio that a whole bar stands for; longer ones are cut.
const widest = 2.5

func (v *view) rows() {
	for i := range v.Policies {
		p := &v.Policies[i]
		v.Rows = append(v.Rows, row{p, math.Round(1000*min(p.J, widest)/widest) / 10, p.J > widest})
	}
}

// busiest draws the example.
func (r *Result) busiest() (template.HTML, error) {
	if r.Example == nil {
		return "", nil
	}
	var b strings.Builder
	data := *r.Example
	data.Title = ""
	if err := sim.WritePlot(&b, "svg", data); err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	return inline(b.String(), "Traffic of the busiest target with its forecast, the floor of warm instances, and cold starts."), nil
}

// inline makes a picture part of a page: without its head, with a title, and in colours of the page, which follow its theme.
func inline(svg, title string) template.HTML {
	at := strings.Index(svg, "<svg")
	if at < 0 {
		return ""
	}
	svg = svg[at:]
	end := strings.Index(svg, ">")
	body := svg[end+1:]
	head := svg[:end]
	_, box, _ := strings.Cut(head, `viewBox="`)
	box, _, _ = strings.Cut(box, `"`)
	body = palette().Replace(body)
	// Everything in the body was written by the plotter, which escapes text.
	return template.HTML(`<svg role="img" viewBox="` + box + `" preserveAspectRatio="xMidYMid"><title>` + //nolint:gosec // see above
		template.HTMLEscapeString(title) + `</title>` + body)
}

// palette maps the colours of plots to those of the page.
func palette() *strings.Replacer {
	return strings.NewReplacer(
		"#FFFFFF", "var(--paper)", "#1F2937", "var(--ink)", "#E5E7EB", "var(--faint)", "#475569", "var(--soft)",
		"#D97706", "var(--amber)", "#FBBF24", "var(--band)", "#1D4ED8", "var(--blue)", "#93C5FD", "var(--sky)",
		"#B91C1C", "var(--red)", "#0F766E", "var(--teal)", "#7C3AED", "var(--violet)",
		"#-8000000000000000-8000000000000000-8000000000000000", "none", // what the plotter writes for a colour that cannot be seen
		"font-family:Liberation Sans;", "font-family:inherit;", "\n\tstyle=", " style=",
	)
}
