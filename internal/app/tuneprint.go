package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pilotlight/internal/config"
	"pilotlight/internal/sim"
	"pilotlight/models"
)

// tuning is what tune comes to.
type tuning struct {
	Source    string      `json:"source"`
	Setting   sim.Setting `json:"setting"`
	Objective string      `json:"objective"`
	// Values were tried on the time from From to Split, and checked on that from Split to To.
	From  time.Time `json:"from"`
	Split time.Time `json:"split"`
	To    time.Time `json:"to"`
	// Candidates is how many changes of one value were tried.
	Candidates int           `json:"candidates"`
	Groups     []tunedResult `json:"groups"`
	Warnings   []string      `json:"warnings,omitempty"`

	by  string
	ids []models.TargetID
}

// tunedResult is what the targets of a group come to.
type tunedResult struct {
	Name    string `json:"name"`
	Targets int    `json:"targets"`
	// IDs are the targets, unless they are all.
	IDs []models.TargetID `json:"ids,omitempty"`
	// Tried are the values that were best on the first part, as path=value, and Kept says whether they also were on the rest.
	Tried      []string   `json:"values"`
	Kept       bool       `json:"kept"`
	Verdict    string     `json:"verdict"`
	Fit        comparison `json:"fit"`
	Validation comparison `json:"validation"`

	functions []int
	values    []config.Override
}

// comparison is of the present values and those that were found.
type comparison struct {
	Present measure `json:"present"`
	Tuned   measure `json:"tuned"`
}

// describe begins the result.
func (t *tuner) describe(p *past, candidates int) *tuning {
	at := func(minute int) time.Time { return t.start.Add(time.Duration(minute) * time.Minute) }
	return &tuning{
		Source: p.name, Setting: t.spec.setting, Objective: t.wish.text, From: at(t.from), Split: at(t.fit), To: at(t.minutes),
		Candidates: candidates, Warnings: p.warnings, by: t.by, ids: p.ids,
	}
}

// writeJSON writes everything but the configuration.
func (r *tuning) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// configuration is the text of the configuration with the values that were kept.
func (t *tuner) configuration(r *tuning) ([]byte, error) {
	name, collector := t.spec.config, "trace"
	var data []byte
	var err error
	if name == "" {
		var dir string
		if dir, err = filepath.Abs(t.spec.trace); err != nil {
			return nil, fmt.Errorf("trace folder: %w", err)
		}
		quoted, _ := json.Marshal(dir) // a string always is
		name, data = "the defaults", []byte(strings.Replace(emptyConfig, "{dir: .}", "{dir: "+string(quoted)+"}", 1))
	} else if data, err = os.ReadFile(filepath.Clean(name)); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	cfg, err := config.ParseWith(name, data, models.ModeDryRun, t.spec.whatIf, parts(), t.stdio.Env)
	if err != nil {
		return nil, err
	}
	overrides := append([]config.Override{}, t.spec.whatIf...)
	var own []config.Own
	for i := range r.Groups {
		g := &r.Groups[i]
		if r.by == byAll {
			overrides = append(overrides, g.values...)
			continue
		}
		for _, f := range g.functions {
			if len(g.values) == 0 {
				continue
			}
			id := r.ids[f]
			if t.spec.owner != nil {
				collector = t.spec.owner[id]
			}
			own = append(own, config.Own{Seen: config.Seen{Collector: collector, ID: id}, Values: g.values})
		}
	}
	text, err := config.Rewrite(data, overrides, cfg, own)
	if err != nil {
		return nil, fmt.Errorf("the tuned configuration: %w", err)
	}
	if _, err := config.ParseWith(name, text, models.ModeDryRun, nil, parts(), t.stdio.Env); err != nil {
		return nil, fmt.Errorf("the tuned configuration is not valid: %w", err)
	}
	return text, nil
}

// writeYAML writes the configuration, after what was found in comments.
func (r *tuning) writeYAML(w io.Writer, text []byte) error {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString("# " + strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ") + "\n")
	}
	line("pilotlight tune: %s, %s setting", r.Source, r.Setting)
	line("objective: %s", r.Objective)
	line("%d changes of one value tried on %s to %s, checked on %s to %s", r.Candidates, r.From.Format(time.RFC3339), r.Split.Format(time.RFC3339),
		r.Split.Format(time.RFC3339), r.To.Format(time.RFC3339))
	for i := range r.Groups {
		g := &r.Groups[i]
		line("%s (%d): %s", g.Name, g.Targets, strings.Join(append([]string{}, g.Tried...), " "))
		line("- tried: %s", g.Fit.text())
		line("- held back: %s", g.Validation.text())
		line("- %s", g.Verdict)
	}
	for _, warning := range r.Warnings {
		line("warning: %s", warning)
	}
	b.Write(text)
	_, err := io.WriteString(w, b.String())
	return err
}

// text is a comparison for people.
func (c *comparison) text() string {
	return fmt.Sprintf("cost %.4g -> %.4g, cold starts %d -> %d, paid idle GB-s %.4g -> %.4g, USD a month %.4g -> %.4g, objective missed by %.1f %% -> %.1f %%",
		c.Present.Cost, c.Tuned.Cost, c.Present.ColdStarts, c.Tuned.ColdStarts, c.Present.PaidIdleGBs, c.Tuned.PaidIdleGBs,
		c.Present.WarmUSD, c.Tuned.WarmUSD, 100*c.Present.Excess, 100*c.Tuned.Excess)
}
